"""How to train: flat, frozen, written down with every run."""

import itertools
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from eyebright import codec
from eyebright.codec import Record
from eyebright.errors import SettingsError

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]


AUGMENTATIONS = {  # of each its greatest value, and what it means to name it alone
    "flip": (1, True), "rotation": (0.5, 0.1), "zoom": (0.9, 0.1), "shift": (0.5, 0.1), "shear": (1, 0.1),
    "brightness": (1, 0.2), "contrast": (1, 0.2), "saturation": (1, 0.2), "hue": (0.5, 0.05), "erasing": (1, 0.25),
    "mixup": (10, 0.2), "cutmix": (10, 1.0),
}  # fmt: skip
"""The changes that training pictures may undergo, by name."""


class Settings(Record, frozen=True, kw_only=True):
    """What decides how a network is trained.

    Args:
        epochs: Passes over the training pictures.
        batch_size: Pictures in one step.
        learning_rate: Its peak; warm-up leads there and a cosine down from it.
        warmup_epochs: Length of the warm-up.
        weight_decay: AdamW's, on weights of two or more dimensions (not on biases).
        label_smoothing: Share of the certainty that is spread over all classes.
        patience: Stop after so many epochs without a better validation accuracy or loss; 0 never stops early.
        precision: "float32", "bfloat16", or "auto": whichever a short measurement finds faster.
        threads: How many threads compute; 0 for one on each core.
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
    """

    epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_epochs: float = 1.0
    weight_decay: float = 0.3
    label_smoothing: float = 0.1
    patience: int = 10
    precision: Precision = "auto"
    threads: int = 0
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
        _check("epochs", self.epochs, 1, 100_000)
        _check("batch_size", self.batch_size, 1, 65_536)
        _check("learning_rate", self.learning_rate, 1e-9, 100)
        _check("warmup_epochs", self.warmup_epochs, 0, 10_000)
        _check("weight_decay", self.weight_decay, 0, 10)
        _check("label_smoothing", self.label_smoothing, 0, 0.9)
        _check("patience", self.patience, 0, 100_000)
        _check("threads", self.threads, 0, 4_096)
        for planned, later in itertools.pairwise((0, *self.extended_at, self.epochs)):
            if planned >= later:
                raise SettingsError(f"extended_at must ascend up to epochs, got {self.extended_at} and {self.epochs}")
        _check("checkpoint_s", self.checkpoint_s, 0, 1e9)
        for name, (most, _) in AUGMENTATIONS.items():
            _check(name, getattr(self, name), 0, most)

    @property
    def augmented(self) -> bool:
        """Whether training pictures are changed at all."""
        return any(getattr(self, name) for name in AUGMENTATIONS)

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """The settings with some of them changed.

        Raises:
            SettingsError: When one is unknown (the nearest is named), of the wrong type or out of range.
        """
        data = msgspec.to_builtins(self) | dict(changes)
        return codec.from_builtins(data, Settings, what="the settings", error=SettingsError)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} must be from {least:g} to {most:g}, got {value:g}")
