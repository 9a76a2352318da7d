"""An image is found by the path that labels give, from whatever computer they come."""

import pytest
from PIL import Image

from eyebright.system.progress import quiet
from eyebright.tasks.detection.data.labels.drawn import Drawn
from eyebright.tasks.detection.data.labels.images import Gathering, ImagesBelow, sides_of_folders


@pytest.fixture
def images(tmp_path):
    for name in ("train/images/a.jpg", "valid/images/a.jpg", "valid/images/b c.png", "other/z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    return ImagesBelow(tmp_path, quiet)


@pytest.mark.parametrize(
    ("stated", "near", "found"),
    [
        ("C:\\Users\\me\\valid\\images\\a.jpg", "", "valid/images/a.jpg"),
        ("../train/images/a.jpg", "", "train/images/a.jpg"),
        ("a.jpg", "valid/labels", "valid/images/a.jpg"),
        ("/data/upload/7/b c.png", "", "valid/images/b c.png"),
        ("b.png", "", None),
        ("", "", None),
    ],
)
def test_an_image_is_found_by_its_name_and_its_folders(images, stated, near, found):
    assert images.find(stated, near) == found


def test_an_image_is_found_without_its_extension(images):
    assert images.find("train/labels/a", "train/labels", stem=True) == "train/images/a.jpg"


def test_images_in_folders_with_a_labelled_one_belong_to_the_set(images):
    gathered = Gathering(images)
    gathered.add("valid/images/a.jpg", "a", [])
    gathered.add(None, "gone.jpg", [])
    found = gathered.found("x", images.root)
    assert found.source.names == ["valid/images/a.jpg", "valid/images/b c.png"]
    assert [image.boxes for image in found.images] == [[], None]
    assert found.notices == ["2 images in folders without any labelled image left out."]
    assert [lost.name for lost in found.lost] == ["gone.jpg"]
    assert {image.side for image in found.images} == {"validation"}


def test_sets_are_the_folders_above_or_below():
    assert sides_of_folders(["train/images/1.jpg", "images/val2/1.jpg", "images/val/1.jpg", "1.jpg"]) == [
        "train", None, "validation", None,
    ]  # fmt: skip


def lists(images, *claims):
    """The boxes of each image that has some, and the paths without an image, after some claims: (image, path, near)."""
    gathered = Gathering(images)
    for number, (name, called, near) in enumerate(claims):
        gathered.add(name, called, [Drawn([number], "corners", "dog")], near=near, side="train")
    found = gathered.found("x", images.root)
    boxes = {
        name: [box.values[0] for box in image.boxes]
        for name, image in zip(found.source.names, found.images, strict=True)
        if image.boxes
    }
    return boxes, {lost.name: [box.values[0] for box in lost.boxes] for lost in found.lost}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("right", "near", "wrong", "near_wrong"),
    [
        ("valid/images/a.jpg", "", "test/a.jpg", ""),
        ("C:\\set\\valid\\images\\a.jpg", "", "C:\\set\\test\\a.jpg", ""),
        ("images/a.jpg", "valid", "images/a.jpg", "test"),
        ("valid/Annotations/a.xml", "", "test/Annotations/a.xml", ""),
    ],
)
def test_an_image_has_the_labels_of_the_path_that_fits_better(images, right, near, wrong, near_wrong, order):
    name = "valid/images/a.jpg"
    boxes, lost = lists(images, *[(name, right, near), (name, wrong, near_wrong)][::order])
    good, bad = (0, 1)[::order]
    assert boxes == {name: [good]} and lost == {wrong: [bad]}


def test_labels_of_one_path_are_joined_however_it_is_written(images):
    name = "valid/images/a.jpg"
    claims = [("valid/images/a.jpg", ""), ("./valid\\images\\a.jpg", ""), ("images/a.jpg", "valid")]
    assert lists(images, *[(name, *claim) for claim in claims]) == ({name: [0, 1, 2]}, {})


def test_of_two_paths_that_fit_as_well_the_first_counts(images):
    name = "other/z.png"
    assert lists(images, (name, "/home/a/z.png", ""), (name, "/home/b/z.png", "")) == (
        {name: [0]},
        {"/home/b/z.png": [1]},
    )


def test_files_in_annotations_and_above_it_may_share_an_image(images):
    name = "other/z.png"
    assert lists(images, (name, "z.png", "."), (name, "z.png", "annotations")) == ({name: [0, 1]}, {})
