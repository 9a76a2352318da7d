"""How a detector is trained where nothing else is asked for: what is refused, and what its images decide.

benchmarks/README.md has the measurements behind the numbers.
"""

from typing import Any

import numpy as np

from eyebright.network.zoo.detection import BACKBONE
from eyebright.runs.request import FIELDS, Request
from eyebright.system.errors import SettingsError
from eyebright.system.text import listed
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.trust.promise import RecallPromise
from eyebright.training.events.starting import SizeChosen
from eyebright.training.mirroring import says_side
from eyebright.training.settings import Settings

SIZE = 320
"""Pixels a side of the images that a detector sees, where objects are not small."""
RECIPE: dict[str, Any] = {
    "batch_size": 8, "learning_rate": 6e-3, "weight_decay": 0.05, "ema": 0.99, "clip_norm": 10.0, "patience": 0,
    "frozen": ("_conv_stem", "_blocks"), "rotation": 0.0, "zoom": 0.4, "shift": 0.1, "brightness": 0.2,
    "contrast": 0.2, "saturation": 0.3, "label_smoothing": 0.0,
}  # fmt: skip
"""The settings of a detector that were not given."""
_STEP, _LARGEST = 64, 640  # between the sizes that are chosen; the largest of them
_OBJECT_PX = 24  # the side of a typical object, once images have that size: three pixels of the maps
_MINUTES, _SHARE = 10.0, 0.7  # the budget where none is given; the share of it for views and epochs
_IMAGE_S, _COMPUTED = 0.012, 1.7  # on two cores at `SIZE`: a view; how many of an epoch's images take as long
_IMAGES = 5_400  # in all epochs of a default training
_EPOCHS, _VIEWS = (8, 100), (3, 7)  # the fewest and the most
_EPOCHS_A_VIEW = 4
_FOR_CLASSIFIERS = {
    "network": "auto", "weights": "", "start_from": "", "dropout": 0.0, "corrections": "", "augment": "",
}  # fmt: skip
_UNUSED_SETTINGS = (
    "rotation", "shear", "hue", "mixup", "cutmix", "label_smoothing", "class_weights", "sampling",
)  # fmt: skip
_FITS = ("auto", "pad")


def require_for_detectors(request: Request) -> None:
    """Refuse options that mean nothing for a detector, by their names."""
    asked = [
        next(name for name, field in FIELDS.items() if field.name == field_name)
        for field_name, default in _FOR_CLASSIFIERS.items()
        if getattr(request, field_name) not in (default, BACKBONE)  # a run's config.toml names its network
    ]
    asked += unused_settings(request)
    if request.resize not in _FITS:
        asked.append("resize")
    if asked:
        changes = "; its images are changed by flip, zoom, shift, brightness, contrast, saturation and erasing"
        raise SettingsError(
            f"{listed(asked, len(asked))}: only for classifiers; a detector is trained without"
            f"{changes if request.augment else ''}"
        )
    missing = [name for name in RECIPE["frozen"] if name not in request.training.frozen]
    if missing and ("frozen" in request.given or request.training.frozen):
        raise SettingsError(
            f"frozen: the layers {listed(missing)} of a detector are always frozen; name them too, or leave frozen out"
        )
    if request.promise:
        RecallPromise.of(request.promise)
    if request.size is not None and request.size % 32:
        raise SettingsError(f"size = {request.size}: a detector takes a multiple of 32, such as {SIZE}")


def unused_settings(request: Request) -> list[str]:
    """The names of given settings that do nothing for a detector; its config.toml has those of the recipe."""
    usual, settings = Settings(), request.training
    return [
        name
        for name in _UNUSED_SETTINGS
        if getattr(settings, name) != RECIPE.get(name, getattr(usual, name))
        and (name in request.given or getattr(settings, name) != getattr(usual, name))
    ]


def resolved(request: Request, dataset: BoxDataset, images: int) -> Settings:
    """The settings with those of the recipe that were not given, and with the number of epochs.

    Images are mirrored unless names of classes say left or right: what is mirrored would have the other name.
    With `mirror` they are as `flip` says.

    Args:
        request: What is asked for.
        dataset: The images with their boxes.
        images: How many of them are learned.
    """
    settings = request.with_recipe(RECIPE)
    if not settings.epochs:
        settings = settings.changed({"epochs": epochs_for(images)})
    if not request.mirror and any(map(says_side, dataset.classes)):
        settings = settings.changed({"flip": False})
    return settings


def epochs_for(images: int) -> int:
    """How many epochs a training of so many images has."""
    return round(float(np.clip(_IMAGES / max(images, 1), *_EPOCHS)))


def views_for(images: int, settings: Settings) -> int:
    """How many views of each image are kept: the fewer epochs, the fewer are needed."""
    wanted = int(np.clip(-(-epochs_for(images) // _EPOCHS_A_VIEW), *_VIEWS))
    return wanted if settings.minutes else min(wanted, settings.epochs)


def enough_time(left_s: float, view_s: float, count: int) -> bool:
    """Whether another view pays: it has to be computed, and then all of them learned as often as usual.

    Args:
        left_s: Seconds left for views and epochs.
        view_s: Seconds for a view of each image; an epoch takes about as long.
        count: Views of each image with the new one.
    """
    return left_s >= view_s * (1 + _EPOCHS_A_VIEW * count)


def choose_size(dataset: BoxDataset, minutes: float = 0.0) -> SizeChosen:
    """The size of the images: larger where objects are small, as far as the time allows.

    A typical object (the median of all) has to be three pixels of the maps wide. Images are not enlarged for it.

    Args:
        dataset: The images with their boxes.
        minutes: The budget; 0 for none.
    """
    longest = dataset.sizes.max(axis=1)
    sides = [
        np.sqrt((boxes.corners[:, 2:] - boxes.corners[:, :2]).prod(axis=1)) / side
        for boxes, side in zip(dataset.boxes, longest.tolist(), strict=True) if side
    ]  # fmt: skip
    share = float(np.median(np.concatenate(sides)))
    sharp = float(np.median(longest[longest > 0]))
    wanted = min(_OBJECT_PX / share, sharp, _LARGEST)
    size = max(-(-int(np.ceil(wanted)) // _STEP) * _STEP, SIZE)
    return SizeChosen(
        size=min(size, _affordable(len(dataset), minutes)), wanted=size, object_px=share * SIZE, usual=SIZE
    )


def _affordable(images: int, minutes: float) -> int:
    """The largest size at which views and the fewest epochs take no more than their share of the time."""
    passes = views_for(images, Settings(minutes=1.0)) + _EPOCHS[0] / _COMPUTED
    usual_s = images * passes * _IMAGE_S
    larger = (_SHARE * 60 * (minutes or _MINUTES) / usual_s) ** 0.5
    return max(int(SIZE * larger) // _STEP * _STEP, SIZE)
