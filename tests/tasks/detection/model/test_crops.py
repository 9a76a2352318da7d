"""Crops: the pixels of the boxes with their margin, in a folder that a training reads with groups and sets."""

import warnings

import numpy as np
import pytest
from PIL import Image
from tests.tasks.detection.making import scenes, write_voc

from eyebright.data.dataset import Dataset
from eyebright.data.pack import LeftOut
from eyebright.data.pictures import size_of
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.model.crops import Cut, crop_corners, cuts_found, cuts_of, write_crops
from eyebright.tasks.detection.model.predictor import Found, FoundObjects
from eyebright.trust.prediction import Unreadable


def test_crops_are_the_pixels_of_their_boxes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    corners = np.array([[10, 10, 30, 20], [0.4, 0, 8, 8.2]], float)
    written = write_crops([Cut("in/a.jpg", pixels, corners, ["dog", "cat"])], tmp_path / "crops", margin=0.1)
    np.testing.assert_array_equal(Image.open(tmp_path / "crops/dog/a_001.png"), pixels[9:21, 8:32])
    np.testing.assert_array_equal(Image.open(tmp_path / "crops/cat/a_001.png"), pixels[0:10, 0:9])
    assert written.counts == {"cat": 1, "dog": 1} and not written.left_out


class Fixed:
    """Finds the same in every image that opens."""

    def stream(self, images, *, threshold=None):
        for name, image in images:
            if isinstance(image(), bytes):
                yield Unreadable(name=name, error="no image")
            else:
                objects = (Found(label="dog", confidence=0.9, box=(1.0, 2.0, 11.0, 12.0)),)
                yield FoundObjects(name=name, width=20, height=20, objects=objects)


def test_what_a_detector_finds_is_cut_out(tmp_path):
    pixels = np.zeros((20, 20, 3), np.uint8)
    images = [("a", lambda: pixels), ("b", lambda: b"no image"), ("c", lambda: pixels)]
    written = write_crops(cuts_found(Fixed(), images), tmp_path / "crops", margin=0)
    assert written.counts == {"dog": 2} and written.left_out == [("b", "no image")]
    assert size_of(tmp_path / "crops/dog/c_001.png") == (10, 10)
    assert [cut.names for cut in cuts_found(Fixed(), images, one_class="object")] == [["object"], [], ["object"]]


def test_margins_are_shares_of_the_sides_and_end_at_the_edge():
    boxes = np.array([[10, 10, 20, 30], [1, 1, 99, 49]], float)
    assert crop_corners(boxes, (100, 50), 0.3).tolist() == [[7, 4, 23, 36], [0, 0, 100, 50]]
    assert crop_corners(boxes, (100, 50), 0).tolist() == boxes.tolist()


def test_a_training_finds_classes_groups_and_sets(tmp_path):
    dataset = BoxDataset.open(write_voc(tmp_path / "voc", scenes(12)))
    write_crops(cuts_of(dataset), tmp_path / "crops")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        crops = Dataset.open(tmp_path / "crops")
    assert crops.classes == dataset.classes and len(crops) == dataset.box_count
    wanted = [index for index, boxes in enumerate(dataset.boxes) for _ in range(len(boxes))]
    assert sorted(np.bincount(crops.groups)) == sorted(np.bincount(wanted)[np.bincount(wanted) > 0])
    np.testing.assert_array_equal(np.bincount(crops.sides), np.bincount(dataset.sides[wanted]))


def test_names_that_are_no_folders_stay_the_names_of_the_classes(tmp_path):
    names = ["a/b", "..", "A_B", "=1+1", " "]
    pixels, corners = np.zeros((20, 20, 3), np.uint8), np.array([[0, 0, 9, 9]] * 4, float)
    write_crops([Cut(f"{n}.jpg", pixels, corners, names[:4]) for n in range(3)], tmp_path / "crops")
    assert Dataset.open(tmp_path / "crops").classes == tuple(sorted(names[:4]))
    assert all(file.parent.parent == tmp_path / "crops" for file in (tmp_path / "crops").rglob("*.png"))


def test_images_that_cannot_be_opened_are_reported_and_nothing_at_all_is_an_error(tmp_path):
    box = np.array([[0, 0, 9, 9]], float)
    bad, good = Cut("bad", b"no image", box, ["dog"]), Cut("good", np.zeros((20, 20, 3), np.uint8), box, ["dog"])
    left_out = write_crops([bad, good], tmp_path / "crops").left_out
    assert [type(one) for one in left_out] == [LeftOut] and left_out[0].name == "bad"
    with pytest.raises(DataError, match=r"no boxes to cut out: .* 1 image cannot be opened, the first is bad: "):
        write_crops([bad], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_only_folders_of_crops_are_replaced_and_margins_have_a_range(tmp_path):
    cut = Cut("a", np.zeros((20, 20, 3), np.uint8), np.array([[0, 0, 9, 9]], float), ["dog"])
    write_crops([cut], tmp_path / "crops")
    write_crops([cut], tmp_path / "crops", overwrite=True)
    with pytest.raises(OutputError, match="already exists"):
        write_crops([cut], tmp_path / "crops")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "metadata.csv").write_text("file_name,label\n")  # an image folder of somebody
    with pytest.raises(OutputError, match=r"it has no crops\.json\), which is never replaced"):
        write_crops([cut], tmp_path / "mine", overwrite=True)
    for margin in (-0.1, 6, float("nan")):
        with pytest.raises(SettingsError, match="margin must be from 0 to 5"):
            write_crops([cut], tmp_path / "other", margin=margin)


def test_two_images_of_one_name_have_crops_of_their_own(tmp_path):
    pixels, corners = np.zeros((40, 40, 3), np.uint8), np.array([[1, 1, 20, 20]], float)
    write_crops([Cut(f"{folder}/a.jpg", pixels, corners, ["dog"]) for folder in (1, 2)], tmp_path / "crops")
    assert len(list((tmp_path / "crops/dog").iterdir())) == 2


def test_classes_with_crops_of_few_images_are_named_and_left_out_if_asked(tmp_path):
    pixels, corners = np.zeros((40, 40, 3), np.uint8), np.array([[1, 1, 20, 20]] * 3, float)
    cuts = [Cut(f"{number}.jpg", pixels, corners, ["dog", "dog", "cat"][number % 3 :] * 3) for number in range(3)]
    cuts = [cut._replace(names=cut.names[:3]) for cut in cuts]  # dogs in two images, cats in three
    written = write_crops(cuts, tmp_path / "all")
    assert written.counts == {"cat": 5, "dog": 4} and written.few == ["dog"]
    written = write_crops(cuts, tmp_path / "some", fewest=3)
    assert written.counts == {"cat": 5} and written.few == ["dog"]
    assert sorted(entry.name for entry in (tmp_path / "some").iterdir()) == ["cat", "crops.json", "metadata.csv"]
    assert "dog" not in (tmp_path / "some/metadata.csv").read_text()
