"""How to train: flat, frozen, written down with every run."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright.system import records
from eyebright.system.errors import SettingsError
from eyebright.system.records import Record

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
DeviceName: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
ScheduleName: TypeAlias = Literal["cosine", "one-cycle", "constant"]


AUGMENTATIONS = {  # of each its greatest value, and what it means to name it alone
    "flip": (1, True), "rotation": (0.5, 0.1), "zoom": (0.9, 0.1), "shift": (0.5, 0.1), "shear": (1, 0.1),
    "brightness": (1, 0.2), "contrast": (1, 0.2), "saturation": (1, 0.2), "hue": (0.5, 0.05), "erasing": (1, 0.25),
    "mixup": (10, 0.2), "cutmix": (10, 1.0),
}  # fmt: skip
"""The changes that training pictures may undergo, by name."""

RANGES: dict[str, tuple[float, float]] = {
    "epochs": (0, 100_000), "minutes": (0, 1e6), "batch_size": (1, 65_536), "accumulation": (1, 65_536),
    "learning_rate": (1e-9, 100), "warmup_epochs": (0, 10_000), "weight_decay": (0, 10), "momentum": (0, 0.999),
    "clip_norm": (0, 1e9), "ema": (0, 0.999999), "stage_decay": (0.01, 1), "label_smoothing": (0, 0.9),
    "patience": (0, 100_000), "threads": (0, 4_096), "checkpoint_s": (0, 1e9),
} | {name: (0, most) for name, (most, _) in AUGMENTATIONS.items()}  # fmt: skip
"""The least and the greatest value of each setting that is a number."""

_MOST_SGD_DECAY = 0.1


class Settings(Record, frozen=True, kw_only=True):
    """What decides how a network is trained.

    Args:
        epochs: Passes over the training pictures; 0 leaves the weights as they are.
        minutes: Time for the whole run, from the command to the saved model: as many steps are made as fit, whatever
            `epochs` says; 0 sets no limit.
        judge_start: Judge the weights that are started from too, and keep them where no epoch is better.
        batch_size: Pictures that go through the network together.
        accumulation: Batches whose gradients are added into one step, as if they were one batch (but for batch norm,
            which sees each by itself): large steps in little memory.
        optimizer: "adamw", or "sgd" with momentum.
        learning_rate: Its peak. SGD wants a greater one than AdamW, about 0.05.
        schedule: "cosine": warm-up, then half a cosine down to nothing; "one-cycle": a third of the way up, then down,
            with a warm-up of its own; "constant": warm-up, then the peak.
        warmup_epochs: Length of the warm-up.
        weight_decay: On weights of convolutions and dense layers, not on biases and norms. AdamW's is apart from the
            gradient and may be large; SGD's is added to the gradient, 5e-4 for instance.
        momentum: SGD's.
        nesterov: Whether SGD looks ahead along its momentum.
        clip_norm: The gradient of all weights together is shortened to this length; 0 leaves it.
        ema: Weights are averaged over the steps, of the last `1 / (1 - ema)` most; the average is what is judged and
            kept. Early on over fewer: a tenth of the steps so far. 0 averages nothing, 0.99 to 0.9999 are usual.
        frozen: Layers and stages whose weights stay as they are, by their name or the beginning of their names up to a
            dot, as in ("conv1", "layer1"); see `training.stages`. Their batch norms keep their statistics.
        norm_statistics: "batch": batch norms use the mean and variance of each batch, and learn theirs from them;
            "kept": they use those that they start with, as when predicting. A short training does not learn new ones.
        stage_decay: The rate of a layer is multiplied by this for every stage that lies between it and the output, so
            that a pretrained network is changed the more, the nearer to its head; 1 treats all alike.
        class_weights: "balanced": a picture counts the more, the rarer its class.
        sampling: "all": every picture once in an epoch; "balanced": as many pictures of each class, the rare ones more
            than once (changed anew each time), of the frequent ones other parts in each epoch.
        label_smoothing: Share of the certainty that is spread over all classes.
        patience: Stop after so many epochs without a better validation accuracy or loss; 0 never stops early.
        precision: "float32", "bfloat16", or "auto": whichever a short measurement finds faster.
        threads: How many threads compute; 0 for one on each core.
        device: Where it is trained: "cpu", "cuda", "mps" (Apple's GPU), or "auto": on a GPU where there is one.
        extended_at: Totals of epochs that were planned before more were asked for, ascending: at the end of each the
            learning rate falls anew, from a tenth of its peak.
        checkpoint_s: Seconds after which the state is kept within an epoch too; 0 keeps it after every step.
        seed: Decides initial weights, order, augmentation and dropout.
        flip: Mirror half of the pictures left to right.
        rotation: Turn by up to this share of a full turn, either way; 0.1 is 36 degrees.
        zoom: Scale by up to this share, in or out.
        shift: Move by up to this share of width and height.
        shear: Lean by up to this share of the height.
        brightness: Multiply by up to this share more or less.
        contrast: Widen or narrow the distance to the mean light by up to this share.
        saturation: Strengthen or weaken the colours by up to this share; 1 may leave none.
        hue: Turn the colours by up to this share of the full circle, either way.
        erasing: Share of the pictures of which a rectangle is covered.
        mixup: Alpha of the Beta distribution by which two pictures and their labels are blended; 0 for none.
        cutmix: Alpha by which a rectangle of another picture, with its share of the label, is put in; 0 for none.

    Raises:
        SettingsError: When a value is out of range, or two contradict each other.
    """

    epochs: int = 15
    minutes: float = 0.0
    judge_start: bool = False
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
            raise SettingsError(f"extended_at must ascend up to epochs, got {self.extended_at} and {self.epochs}")
        if self.optimizer == "sgd" and self.weight_decay > _MOST_SGD_DECAY:
            raise SettingsError(
                f"weight_decay={self.weight_decay:g} and optimizer='sgd' contradict each other: SGD adds it to the "
                f"gradient, so that it may be {_MOST_SGD_DECAY:g} at most: try weight_decay=5e-4, learning_rate=0.05"
            )
        if self.class_weights == self.sampling == "balanced":
            raise SettingsError(
                "class_weights='balanced' and sampling='balanced' contradict each other: rare classes would count "
                "twice; choose one of them"
            )

    @property
    def augmented(self) -> bool:
        """Whether training pictures are changed at all."""
        return any(getattr(self, name) for name in AUGMENTATIONS)

    @property
    def step_size(self) -> int:
        """Pictures in one step."""
        return self.batch_size * self.accumulation

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """The settings with some of them changed.

        Raises:
            SettingsError: When one is unknown (the nearest is named), of the wrong type, out of range, or contradicts
                another.
        """
        data = msgspec.to_builtins(self) | dict(changes)
        return records.from_builtins(data, Settings, what="the settings", error=SettingsError)
