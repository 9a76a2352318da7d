"""What was found as a file in the format of COCO, which labelling tools open and `train` reads."""

from collections.abc import Iterable, Sequence
from typing import Any

from eyebright.tasks.detection.model.naming import NO_ANSWER, NamedObject, NamedObjects
from eyebright.tasks.detection.model.predictor import Found, FoundObjects

_DECIMALS = 2


def as_coco(images: Iterable[FoundObjects | NamedObjects], classes: Sequence[str]) -> dict[str, Any]:
    """The objects in images, with their confidences as "score".

    An object that a classifier has named has this name as its category, and the confidence of the name as "name_score".
    One that it did not name is of the category "no answer", which is there only then: a box that were left out would
    be background in a training.

    Args:
        images: What was found in each.
        classes: Names of the classes of the detector, or of the classifier that named the objects; their numbers in the
            file begin at 1.
    """
    images = list(images)
    unnamed = any(_category(found) == NO_ANSWER for one in images for found in one.objects)
    names = [*classes, NO_ANSWER] if unnamed and NO_ANSWER not in classes else classes
    number = {name: at for at, name in enumerate(names, 1)}
    annotations: list[dict[str, Any]] = []
    for identity, one in enumerate(images, 1):
        for found in one.objects:
            annotations.append({"id": len(annotations) + 1, "image_id": identity} | _annotation(found, number))
    return {
        "images": [
            {"id": identity, "file_name": one.name, "width": one.width, "height": one.height}
            for identity, one in enumerate(images, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": at, "name": name} for name, at in number.items()],
    }


def _category(found: Found) -> str:
    return found.name.answer if isinstance(found, NamedObject) else found.label


def _annotation(found: Found, number: dict[str, int]) -> dict[str, Any]:
    x1, y1, x2, y2 = found.box
    sides = [round(x2 - x1, _DECIMALS), round(y2 - y1, _DECIMALS)]
    named = {"name_score": round(found.name.confidence, 6)} if isinstance(found, NamedObject) else {}
    return {
        "category_id": number[_category(found)], "bbox": [x1, y1, *sides],
        "area": round(sides[0] * sides[1], _DECIMALS), "iscrowd": 0, "score": round(found.confidence, 6), **named,
    }  # fmt: skip
