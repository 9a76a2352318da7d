"""An image is found by the path that labels give, from whatever computer they come."""

import pytest
from PIL import Image

from eyebright.system.errors import DataError
from eyebright.system.progress import quiet
from eyebright.tasks.detection.data.labels.images import ImagesBelow, sides_of_folders


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
    assert images.find("train/labels/a", "train/labels") == "train/images/a.jpg"


def test_sets_are_the_folders_above_or_below():
    assert sides_of_folders(["train/images/1.jpg", "images/val2/1.jpg", "images/val/1.jpg", "1.jpg"]) == [
        "train", None, "validation", None,
    ]  # fmt: skip


def test_labels_of_a_set_or_a_part_are_of_the_images_in_the_folder_of_that_name(images):
    assert images.find("a.jpg", part="val2017") == "valid/images/a.jpg"
    assert images.find("a.jpg", part="train") == "train/images/a.jpg"


def test_addresses_and_names_without_an_extension(images):
    assert images.find("https://x.org/valid/images/b%20c.png?signed=1") == "valid/images/b c.png"
    assert images.find("z") == "other/z.png"


def test_images_that_fit_as_well_are_not_guessed(images):
    with pytest.raises(
        DataError, match=r"labels name /home/me/a\.jpg, which may be train/images/a\.jpg, valid/images/a"
    ):
        images.find("/home/me/a.jpg")
