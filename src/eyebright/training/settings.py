"""The settings of a training: flat, frozen, saved with every run."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.system import records
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.training.argument_hints import refuse_foreign_arguments

ChosenPrecision: TypeAlias = Literal["float32", "bfloat16"]
Precision: TypeAlias = Literal["auto", ChosenPrecision]
DeviceName: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
ScheduleName: TypeAlias = Literal["cosine", "one-cycle", "constant"]


AUGMENTATIONS = {  # for each its largest value, and the value if only its name is given
    "flip": (1, True), "rotation": (0.5, 0.1), "zoom": (0.9, 0.1), "shift": (0.5, 0.1), "shear": (1, 0.1),
    "brightness": (1, 0.2), "contrast": (1, 0.2), "saturation": (1, 0.2), "hue": (0.5, 0.05), "erasing": (1, 0.25),
    "mixup": (10, 0.2), "cutmix": (10, 1.0),
}  # fmt: skip
"""The kinds of augmentation, by name."""

RENAMED = {"judge_start": "keep_start_if_better"}
"""Settings by their old names, which models and files still have."""

ERASED_AREA, ERASED_ASPECT = (0.02, 0.4), 0.3
"""Random erasing: the least and the largest share of the area that is covered, and the least height to width."""

RANGES: dict[str, tuple[float, float]] = {
    "epochs": (0, 100_000), "minutes": (0, 1e6), "batch_size": (1, 65_536), "accumulation": (1, 65_536),
    "learning_rate": (1e-9, 100), "warmup_epochs": (0, 10_000), "weight_decay": (0, 10), "momentum": (0, 0.999),
    "clip_norm": (0, 1e9), "ema": (0, 0.999999), "stage_decay": (0.01, 1), "label_smoothing": (0, 0.9),
    "patience": (0, 100_000), "threads": (0, 4_096), "checkpoint_s": (0, 1e9),
} | {name: (0, most) for name, (most, _) in AUGMENTATIONS.items()}  # fmt: skip
"""The smallest and the largest value of each setting that is a number."""

_MAX_SGD_DECAY = 0.1


class Settings(Record, frozen=True, kw_only=True, repr_omit_defaults=True):
    """How to train a network.

    Args:
        epochs: Passes over the training images. 0 does not train, except the head of network "auto", for which 0 is the
            default.
        minutes: Time for the whole run, from the command to the saved model, in minutes. As many steps are made as fit
            into this time, whatever `epochs` says; 0 sets no limit.
        keep_start_if_better: Evaluate the weights at the start too, and keep them if no epoch is better. The best epoch
            is averaged with them where the mean has a lower validation loss, and no lower accuracy than the start.
        batch_size: Images that go through the network together.
        accumulation: Batches whose gradients are added up for one step, as if they were one batch. This makes large
            steps in little memory; only batch norms see each batch separately.
        optimizer: "adamw", or "sgd" with momentum.
        learning_rate: The peak of the learning rate. SGD needs a higher one than AdamW, about 0.05.
        schedule: "cosine": warm-up, then half a cosine down to 0; "one-cycle": up during 30% of the steps, then down,
            without another warm-up; "constant": warm-up, then the peak.
        warmup_epochs: Length of the warm-up, in epochs.
        weight_decay: For weights of convolutions and dense layers, not for biases and norms. In AdamW it is decoupled
            from the gradient and may be large; in SGD it is added to the gradient (5e-4 is usual).
        momentum: Momentum of SGD.
        nesterov: Whether SGD uses Nesterov momentum.
        clip_norm: Largest norm of the gradient of all weights together; a longer one is scaled down. 0 does not clip.
        ema: Average the weights over the steps, about the last `1 / (1 - ema)` of them (fewer at the start: a tenth of
            the steps so far). The average is evaluated and kept. 0 turns it off; 0.99 to 0.9999 are usual.
        frozen: Layers and stages whose weights stay the same, by their names or by the start of their names up to a
            dot, such as ("conv1", "layer1"). Their batch norms keep their statistics.
        norm_statistics: "batch": batch norms use the mean and variance of each batch, and update their statistics;
            "kept": they use the statistics that they start with, as in prediction. This suits short trainings.
        stage_decay: The learning rate of a layer is multiplied by this for every stage between it and the output, so
            that a pretrained network changes most near its head; 1 treats all layers alike.
        class_weights: "balanced": the rarer a class, the more its images count in the loss.
        sampling: "all": every image once in an epoch; "balanced": as many images of each class. Images of rare classes
            are repeated with different augmentation; of frequent classes each epoch uses another part.
        label_smoothing: Share of the target probability that is spread over all classes.
        patience: Stop after so many epochs in which neither validation accuracy nor validation loss improves; 0 never
            stops early.
        precision: "float32", "bfloat16", or "auto": by a rule, the one that is usually faster for this network on this
            processor.
        threads: Threads to compute with; 0 uses one per core.
        device: "cpu", "cuda", "mps" (Apple's GPU), or "auto": a GPU if there is one.
        deterministic: On one NVIDIA GPU, two runs with the same settings give the same weights, bit by bit; "false"
            trains faster there. On a processor they always do.
        extended_at: Numbers of epochs that were planned before more were requested, ascending. After each of them the
            learning rate starts again, at a tenth of its peak.
        checkpoint_s: Seconds between checkpoints within an epoch; 0 writes one after every step.
        seed: Decides the split (unless split_seed is given), initial weights, order, augmentation and dropout.
        flip: Mirror half of the images horizontally.
        rotation: Rotate by up to this share of a full turn, in both directions; 0.1 is 36 degrees.
        zoom: Scale by up to this share, in or out.
        shift: Move by up to this share of width and height.
        shear: Shear by up to this share of the height.
        brightness: Multiply all values by a factor from 1 - this to 1 + this.
        contrast: Multiply the distance to the mean brightness by a factor from 1 - this to 1 + this.
        saturation: Strengthen or weaken the colours by up to this share; with 1 some images become grey.
        hue: Rotate the hue by up to this share of the full circle, in both directions.
        erasing: Share of the images in which a rectangle is covered.
        mixup: Alpha of the Beta distribution by which two images and their labels are blended; 0 turns it off.
        cutmix: Alpha of the Beta distribution by which a rectangle is replaced by that of another image, and its share
            of the label; 0 turns it off.

    Raises:
        SettingsError: When a value is out of range, or two settings contradict each other.
    """

    epochs: int = 15
    minutes: float = 0.0
    keep_start_if_better: bool = False
    batch_size: int = 32
    accumulation: int = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    schedule: ScheduleName = "cosine"
    warmup_epochs: float = 1.0
    weight_decay: float = 0.3
    momentum: float = 0.9
    nesterov: bool = True
    clip_norm: float = 0.0
    ema: float = 0.0
    frozen: tuple[str, ...] = ()
    norm_statistics: Literal["batch", "kept"] = "batch"
    stage_decay: float = 1.0
    class_weights: Literal["none", "balanced"] = "none"
    sampling: Literal["all", "balanced"] = "all"
    label_smoothing: float = 0.1
    patience: int = 10
    precision: Precision = "auto"
    threads: int = 0
    device: DeviceName = "auto"
    deterministic: bool = True
    extended_at: tuple[int, ...] = ()
    checkpoint_s: float = 30.0
    seed: int = 0
    flip: bool = True
    rotation: float = 0.1
    zoom: float = 0.1
    shift: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if not least <= (value := getattr(self, name)) <= most:
                raise SettingsError(f"{name} must be from {least:g} to {most:g}, got {value:g}")
        if list(ends := (*self.extended_at, self.epochs)) != sorted({0, *ends})[1:] and self.extended_at:
            raise SettingsError(
                f"extended_at must ascend up to epochs, got {self.extended_at} with epochs={self.epochs}"
            )
        if self.optimizer == "sgd" and self.weight_decay > _MAX_SGD_DECAY:
            raise SettingsError(
                f"weight_decay={self.weight_decay:g} is too large for optimizer='sgd', which adds it to the gradient: "
                f"expected at most {_MAX_SGD_DECAY:g}; try weight_decay=5e-4, learning_rate=0.05"
            )
        if self.class_weights == self.sampling == "balanced":
            raise SettingsError(
                "use only one of class_weights='balanced' and sampling='balanced': together rare classes would count "
                "twice"
            )

    @property
    def augmented(self) -> bool:
        """Whether training images are augmented at all."""
        return any(getattr(self, name) for name in AUGMENTATIONS)

    @property
    def step_size(self) -> int:
        """Images in one step."""
        return self.batch_size * self.accumulation

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """The settings with some of them changed.

        Raises:
            SettingsError: When a name is unknown (the error suggests the nearest one), or a value has the wrong type,
                is out of range, or contradicts another setting.
        """
        refuse_foreign_arguments(changes)
        data = msgspec.to_builtins(self) | dict(changes)
        return records.from_builtins(data, Settings, what="the settings", error=SettingsError)
