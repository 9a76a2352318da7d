"""An image has the labels of one path: those that fit best, joined over files, and never a guess."""

import pytest
from PIL import Image

from eyebright.system.errors import DataError
from eyebright.system.progress import quiet
from eyebright.tasks.detection.data.labels.annotations import Annotation
from eyebright.tasks.detection.data.labels.gathering import Gathering
from eyebright.tasks.detection.data.labels.images import ImagesBelow


@pytest.fixture
def images(tmp_path):
    for name in ("train/images/a.jpg", "valid/images/a.jpg", "valid/images/b c.png", "other/z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    return ImagesBelow(tmp_path, quiet)


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


def lists(images, *claims):
    """The boxes of each image that has some, and the paths without an image, after some claims: (image, path, near)."""
    gathered = Gathering(images)
    for number, (name, called, near) in enumerate(claims):
        gathered.add(name, called, [Annotation([number], "corners", "dog")], near=near, side="train")
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


def test_of_two_paths_that_fit_as_well_none_is_guessed(images):
    name = "other/z.png"
    with pytest.raises(DataError, match=r"two paths that fit as well, /home/a/z\.png and /home/b/z\.png: remove one"):
        lists(images, (name, "/home/a/z.png", ""), (name, "/home/b/z.png", ""))


def test_files_in_annotations_and_above_it_may_share_an_image(images):
    name = "other/z.png"
    assert lists(images, (name, "z.png", "."), (name, "z.png", "annotations")) == ({name: [0, 1]}, {})


def joined(images, **second):
    gathered = Gathering(images)
    gathered.add("other/z.png", "z.png", [], file="one.json", side="train", stated=(2, 2))
    gathered.add("other/z.png", "z.png", [], **second)
    return gathered.found("x", images.root)


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"side": "test"}, r"in the train set and in the test set \(one\.json, two\.json\)"),
        ({"stated": (4, 2)}, r"of two sizes, 2x2 and 4x2 \(one\.json, two\.json\)"),
    ],
)
def test_two_images_of_one_name_in_two_files_are_not_joined(images, second, problem):
    with pytest.raises(DataError, match=problem):
        joined(images, file="two.json", **second)
    assert len(joined(images, file="one.json", **second).images) == 1


def in_two_files(images, *pairs):
    """Notices of images with boxes of these classes and places, in one and in the other file."""
    gathered = Gathering(images)
    for name, *files in pairs:
        for number, boxes in enumerate(files):
            drawn = [Annotation([place, 0, 1, 1], "corner and size", label) for label, place in boxes]
            gathered.add(f"other/{name}", name, drawn, file=f"{number}.json")
    return gathered.found("x", images.root).notices


DOG, CAT, OTHER_DOG = ("dog", 1), ("cat", 1), ("dog", 5)


def test_other_boxes_of_the_same_class_are_most_likely_of_another_image(images):
    twice = ("z.png", [DOG, CAT], [OTHER_DOG])
    with pytest.raises(
        DataError, match=r"1 image with other boxes .* such as z\.png in 0\.json, 1\.json: if these are"
    ):
        in_two_files(images, twice, ("y.png", [DOG], [CAT]))


@pytest.mark.parametrize("second", [[CAT], [DOG], [DOG, CAT], []])
def test_boxes_of_other_classes_or_the_same_boxes_are_joined(images, second):
    notices = in_two_files(images, ("z.png", [DOG], second))
    assert notices[0].startswith("1 image with labels in several files, which were joined")


def test_joined_labels_of_several_files_are_said(images):
    notices = joined(images, file="two.json").notices
    assert notices[0] == "1 image with labels in several files, which were joined, such as z.png in one.json, two.json."


def test_a_damaged_file_costs_its_image_only(images):
    gathered = Gathering(images)
    gathered.add("valid/images/a.jpg", "valid/a.xml", [])
    gathered.leave_out("valid/images/b c.png", "valid/b c.xml", "valid/b c.xml is not valid XML")
    found = gathered.found("x", images.root)
    assert found.source.names == ["valid/images/a.jpg"]
    assert found.notices[0] == "1 label file left out, with the image of the same name: valid/b c.xml is not valid XML."
    for name in "cd":
        gathered.leave_out(None, f"{name}.xml", "damaged")
    with pytest.raises(DataError, match="3 label files cannot be read, more than can be"):
        gathered.found("x", images.root)
