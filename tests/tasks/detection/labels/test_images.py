"""An image is found by the path that labels give, from whatever computer they come."""

import pytest
from PIL import Image

from eyebright.system.progress import quiet
from eyebright.tasks.detection.labels.images import Gathering, ImagesBelow, sides_of_folders


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
