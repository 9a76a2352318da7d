import numpy as np

from eyebright.tasks.detection.model.naming import Name, NamedObject, NamedObjects
from eyebright.tasks.detection.model.predictor import Found, FoundObjects
from eyebright.tasks.detection.report.overlay import of_class
from eyebright.tasks.detection.report.sheet import LARGE_PX, SMALL_PX, UNNAMED, Sheet, framed, legend_of

CLASSES = ["a", "b", "c"]
BOX = (100.0, 200.0, 500.0, 400.0)


def test_an_image_is_reduced_to_the_size_at_which_it_is_drawn_and_its_boxes_with_it() -> None:
    found = FoundObjects(name="x", width=960, height=480, objects=(Found(label="b", confidence=0.5, box=BOX),))
    image = np.zeros((480, 960, 3), np.uint8)
    picture = framed(image, found, CLASSES, single=False)
    assert picture.pixels.shape == (SMALL_PX // 2, SMALL_PX, 3)
    assert picture.frames == [of_class(1, (50, 100, 250, 200), ("b 50%", "50%"))]
    assert framed(image, found, CLASSES).pixels.shape == image.shape and LARGE_PX > 960
    assert list(legend_of([picture], CLASSES)) == ["b"]


def test_a_named_object_has_both_confidences_and_the_colour_of_its_name() -> None:
    objects = [
        NamedObject(label="sign", confidence=0.5, box=BOX, name=Name(label=label, confidence=0.75))
        for label in ("c", None)
    ]
    found = NamedObjects(name="x", width=960, height=480, objects=tuple(objects))
    picture = framed(np.zeros((480, 960, 3), np.uint8), found, CLASSES)
    assert picture.frames[0] == of_class(2, BOX, ("c 75%, box 50%", "c 75%", "75%"))
    assert picture.frames[1].labels[0] == "no answer 75%, box 50%" and picture.frames[1].colour == UNNAMED.colour
    assert list(legend_of([picture], CLASSES)) == ["c", "no answer"]


def test_a_gallery_opens_the_first_60_images_and_draws_them_with_their_classes() -> None:
    opened = []

    def image() -> np.ndarray:
        opened.append(1)
        return np.zeros((48, 96, 3), np.uint8)

    sheet = Sheet(CLASSES)
    found = FoundObjects(name="x", width=96, height=48, objects=(Found(label="b", confidence=0.5, box=(9, 9, 30, 30)),))
    for _ in range(63):
        sheet.add(image, found)
    assert (len(sheet), sheet.count, len(opened)) == (60, 63, 60)
    assert sheet.draw().startswith(b"\x89PNG")
