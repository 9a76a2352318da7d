"""A set whose numbers mean something else than is usual is read by what fits; a wrong box changes nothing."""

import json

import pytest
from tests.tasks.detection.making import draw, scenes

from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.labels.annotations import Annotation, LabelledImage
from eyebright.tasks.detection.data.labels.conventions import settle

WRITTEN = {
    "x, y, width, height in pixels": lambda x1, y1, x2, y2, w, h: (x1, y1, x2 - x1, y2 - y1),
    "x1, y1, x2, y2 in pixels": lambda x1, y1, x2, y2, w, h: (x1, y1, x2, y2),
    "x1, y1, x2, y2 as shares": lambda x1, y1, x2, y2, w, h: (x1 / w, y1 / h, x2 / w, y2 / h),
    "the centre, width and height as shares": lambda x1, y1, x2, y2, w, h: (
        (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h,
    ),
}  # fmt: skip


def moved(scene):
    """A scene whose boxes lie all over the image, because those near one corner fit many conventions."""
    width, height = scene.size
    boxes = [
        (name, round(x1 * (width - 20) / 20, 2), round(y1 * (height - 20) / 20, 2), x2 - x1, y2 - y1)
        for name, x1, y1, x2, y2 in scene.boxes
    ]
    return scene._replace(boxes=[(name, x, y, x + wide, y + high) for name, x, y, wide, high in boxes])


@pytest.mark.parametrize("meaning", WRITTEN)
def test_boxes_are_the_same_in_each_convention(tmp_path, meaning):
    drawn = list(map(moved, scenes(30)))
    for scene in drawn:
        draw(scene, tmp_path / f"{scene.stem}.png")
    rows = [
        {"file_name": f"{scene.stem}.png", "objects": {
            "bbox": [WRITTEN[meaning](*corners, *scene.size) for _, *corners in scene.boxes],
            "category": [name for name, *_ in scene.boxes],
        }}
        for scene in drawn
    ]  # fmt: skip
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = BoxDataset.open(tmp_path)
    for scene, boxes in zip(drawn, found.boxes, strict=True):
        wanted = sorted(corners for _, *corners in scene.boxes)
        assert len(boxes) == len(wanted)
        assert all(one == pytest.approx(two, abs=0.0101) for one, two in zip(boxes.corners, wanted, strict=True))
    notice = f"they are read as {meaning}"
    assert any(notice in one for one in found.notices) is (meaning != "x, y, width, height in pixels")


class Size:
    upright = stored = (100, 100)


def settled(boxes, form="corner and size"):
    drawn = [Annotation(box, form, "dog") for box in boxes]
    images, notices = settle([LabelledImage(drawn), LabelledImage(None)], [Size, None], "set")
    return {box.form for box in images[0].boxes}, notices


GOOD, AS_CORNERS = [[40, 40, 20, 20]] * 20, [60, 60, 90, 90]


def test_a_few_wrong_boxes_change_nothing():
    assert settled([*GOOD, AS_CORNERS]) == ({"corner and size"}, [])
    assert settled([AS_CORNERS] * 9) == ({"corner and size"}, [])
    assert settled([["wide", 1, 2, 3]] * 20) == ({"corner and size"}, [])


@pytest.mark.parametrize(
    ("box", "form"), [((0.2, 0.5, 0.9, 0.9), "corners as shares"), ((0.5, 0.5, 0.9, 0.9), "shares")]
)
def test_corners_in_files_of_yolo_are_read_where_centres_do_not_fit(box, form):
    """A box around 0.2, 0.5 that is 0.9 wide would begin at -0.25; one around the middle is as usual."""
    assert settled([box] * 20, "shares")[0] == {form}


def test_numbers_that_may_mean_two_things_are_refused():
    with pytest.raises(
        DataError, match=r"set: 100% of the boxes do not lie .* but they do as .*: export the boxes as x, y,"
    ):
        settled([[0.4, 0.4, 0.5, 0.5]] * 20)
