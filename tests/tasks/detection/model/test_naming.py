from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from eyebright.tasks.detection.model.naming import NamedObjects, name_objects
from eyebright.tasks.detection.model.predictor import Found, FoundObjects
from eyebright.trust.prediction import Prediction, Unreadable


class ByColour:
    """Names a crop by its size and mean level; grey ones get no answer."""

    def stream(self, images: Iterable[tuple[str, Image.Image]]) -> Iterator[Prediction]:
        for name, crop in images:
            level = float(np.mean(np.asarray(crop)))
            label = f"{crop.width}x{crop.height} {level:.0f}"
            answered = level != 128
            yield Prediction(
                name=name, label=label if answered else None, confidence=0.75, probabilities={label: 0.75},
                reason="" if answered else "unlike the training images",
            )  # fmt: skip


def found_in(*boxes: tuple[float, float, float, float]) -> FoundObjects:
    objects = tuple(Found(label="sign", confidence=0.5, box=box) for box in boxes)
    return FoundObjects(name="a.png", width=100, height=80, objects=objects)


def name(image: object, found: object, margin: float = 0.1) -> NamedObjects:
    (answer,) = name_objects([(image, found)], ByColour(), margin)  # type: ignore[list-item, arg-type]
    return answer  # type: ignore[return-value]


def test_each_box_is_cut_out_with_its_margin_and_named() -> None:
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[9:31, 18:42] = 200  # the box 20 10 40 30 with a tenth of its sides: 18 8 42 32
    named = name(pixels, found_in((20, 10, 40, 30), (90, 70, 100, 80)))
    assert [one.name.label for one in named.objects] == [f"24x24 {200 * 22 / 24:.0f}", "11x11 0"]  # cut at the edge
    assert [(one.label, one.confidence, one.name.confidence) for one in named.objects] == [("sign", 0.5, 0.75)] * 2


def test_no_answer_is_shown_with_both_confidences() -> None:
    named = name(np.full((80, 100, 3), 128, np.uint8), found_in((20, 10, 40, 30)))
    assert named.objects[0].name.reason == "unlike the training images"
    row = named.as_table().text().splitlines()[-1].split()
    assert row == ["no", "answer", "75.0%", "sign", "50.0%", "20", "10", "40", "30"]


def test_an_image_without_objects_is_not_opened_and_one_that_is_gone_is_reported() -> None:
    assert name("gone.png", found_in()) == NamedObjects(name="a.png", width=100, height=80)
    assert name("gone.png", found_in((0, 0, 9, 9))).error  # type: ignore[attr-defined]
    unreadable = Unreadable(name="b.png", error="damaged")
    assert name("gone.png", unreadable) is unreadable


def test_a_part_that_the_classifier_cannot_open_has_no_answer_and_the_others_have() -> None:
    class Failing(ByColour):
        def stream(self, images: Iterable[tuple[str, Image.Image]]) -> Iterator[Prediction | Unreadable]:  # type: ignore[override]
            first, *others = super().stream(images)
            yield Unreadable(name=first.name, error="0 x 0 pixels")
            yield from others

    found = found_in((20, 10, 40, 30), (50, 10, 70, 30))
    (named,) = name_objects([(np.zeros((80, 100, 3), np.uint8), found)], Failing())  # type: ignore[list-item, arg-type]
    first, second = (one.name for one in named.objects)  # type: ignore[union-attr]
    assert (first.label, first.confidence, first.reason) == (None, 0.0, "it cannot be cut out: 0 x 0 pixels")
    assert second.label == "24x24 0"
