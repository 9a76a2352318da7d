"""What was found as a file in the format of COCO, which labelling tools open and `train` reads."""

from collections.abc import Iterable, Sequence
from typing import Any

from eyebright.tasks.detection.model.naming import NamedObjects
from eyebright.tasks.detection.model.predictor import FoundObjects

_DECIMALS = 2


def as_coco(images: Iterable[FoundObjects | NamedObjects], classes: Sequence[str]) -> dict[str, Any]:
    """The objects in images, with their confidences as "score".

    Args:
        images: What was found in each.
        classes: Names of the classes of the detector; their numbers in the file begin at 1.
    """
    number = {name: at for at, name in enumerate(classes, 1)}
    told: dict[str, list[dict[str, Any]]] = {
        "images": [], "annotations": [], "categories": [{"id": at, "name": name} for name, at in number.items()]
    }  # fmt: skip
    for identity, one in enumerate(images, 1):
        told["images"].append({"id": identity, "file_name": one.name, "width": one.width, "height": one.height})
        for found in one.objects:
            x1, y1, x2, y2 = found.box
            sides = [round(x2 - x1, _DECIMALS), round(y2 - y1, _DECIMALS)]
            told["annotations"].append(
                {
                    "id": len(told["annotations"]) + 1, "image_id": identity, "category_id": number[found.label],
                    "bbox": [x1, y1, *sides], "area": round(sides[0] * sides[1], _DECIMALS), "iscrowd": 0,
                    "score": round(found.confidence, 6),
                }
            )  # fmt: skip
    return told
