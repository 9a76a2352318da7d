"""Which of the images that were found belong to the set: those with labels, and in a set where the files give sets."""

from collections.abc import Collection

from eyebright.data.sources.source import FoundImages, exclude_images
from eyebright.runs.request import Unlabelled
from eyebright.system.errors import DataError
from eyebright.system.text import counted, listed, printable
from eyebright.tasks.detection.data.labels.annotations import FoundBoxes

_NAMED = 3


def select_images(found: FoundBoxes, exclude: Collection[str], unlabelled: Unlabelled) -> tuple[FoundBoxes, list[str]]:
    """The images that belong to the set, and what the user should know about the others, as sentences.

    Args:
        found: All images that were found.
        exclude: Names of images to leave out.
        unlabelled: What an image that no label file mentions is: an error, or one without objects ("background").

    Raises:
        DataError: When there are no boxes, the labels are those of other images, or images have no labels.
    """
    found = _without(found, exclude)
    _require_labels(found, unlabelled)
    sides = {image.side for image in found.images}
    if "train" not in sides:
        return found._replace(images=[image._replace(side=None) for image in found.images]), []
    names = [name for name, image in zip(found.source.names, found.images, strict=True) if not image.side]
    if not names:
        return found, []
    notice = f"{counted(len(names), 'image')} in no set left out: {listed(list(map(printable, names)), _NAMED)}."
    return _without(found, names), [notice]


def _without(found: FoundBoxes, names: Collection[str]) -> FoundBoxes:
    """The images without those of some names."""
    kept = exclude_images(FoundImages(found.source, (), range(len(found.images))), names)
    return found._replace(source=kept.source, images=[found.images[index] for index in kept.labels])


def _require_labels(found: FoundBoxes, unlabelled: Unlabelled) -> None:
    """Refuse a set without boxes, labels of other images, and images without labels, with the count and names."""
    origin, missing = found.origin, [
        printable(name) for name, image in zip(found.source.names, found.images, strict=True) if image.boxes is None
    ]  # fmt: skip
    labelled = len(found.images) - len(missing)
    if len(found.lost) > labelled:
        raise DataError(
            f"{origin} has labels for {counted(len(found.lost), 'image')} that cannot be found, such as "
            f"{listed([printable(lost.name) for lost in found.lost], _NAMED)}, and for {labelled:,} that can: are "
            "these the labels of other images? Put each image beside its labels, under the name that they give"
        )
    if missing and unlabelled == "refuse":
        raise DataError(
            f"{origin}: {counted(len(missing), 'image')} of {len(found.images):,} have no labels: "
            f"{listed(missing, _NAMED)}. Label them, move them away, or pass --unlabelled background if there are no "
            "objects on them"
        )
    if not found.images:
        raise DataError(
            f"{origin} ({found.form}): no image has labels. Put the images beside their labels, or into images/ where "
            "the labels are in labels/"
        )
    if not any(image.boxes for image in found.images):
        raise DataError(
            f"{origin} has {counted(len(found.images), 'image')} ({found.form}) but no boxes: draw some first"
        )
