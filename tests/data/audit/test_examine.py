import numpy as np
import pytest
from PIL import Image, ImageFilter

from eyebright.data.audit.examine import DescribedImages, examine
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation


@pytest.fixture
def root(tmp_path, photo):
    """30 photographs in each of two classes, and one of everything that can be wrong."""
    root = tmp_path / "pictures"
    for name, first in (("a", 0), ("b", 100)):
        (root / name).mkdir(parents=True)
        for number in range(30):
            photo(first + number).save(root / name / f"{number:02d}.png")
    photo(0).save(root / "b" / "same.bmp")
    photo(1).resize((120, 90)).rotate(90, expand=True).save(root / "a" / "turned.jpg")
    (root / "a" / "broken.jpg").write_bytes(b"no picture")
    Image.fromarray(np.asarray(photo(201)) // 8).save(root / "a" / "dark.png")
    Image.fromarray(255 - np.asarray(photo(202)) // 12).save(root / "a" / "bright.png")
    photo(203).filter(ImageFilter.GaussianBlur(5)).save(root / "a" / "blurred.png")
    photo(204).resize((600, 60)).save(root / "a" / "wide.png")
    Image.new("RGB", (200, 150), (90, 120, 30)).save(root / "b" / "plain.png")
    return root


def test_each_image_is_found_for_what_is_wrong_with_it(root):
    dataset = Dataset.from_folder(root)
    audit = examine(dataset, dataset.pack(Preparation(width=16, height=16)))
    assert (audit.pictures, audit.classes) == (68, {"a": 36, "b": 32})
    found = {(finding.kind, finding.pictures) for finding in audit.findings}
    assert found == {
        ("unreadable", ("a/broken.jpg",)),
        ("exact duplicates", ("a/00.png", "b/same.bmp")),
        ("near-duplicates", ("a/01.png", "a/turned.jpg")),
        ("conflicting labels", ("a/00.png", "b/same.bmp")),
        ("very dark", ("a/dark.png",)),
        ("very bright", ("a/bright.png",)),
        ("blurred", ("a/blurred.png",)),
        ("odd size", ("a/wide.png",)),
        ("cropped by preparation", ("a/wide.png",)),
        ("nearly empty", ("b/plain.png",)),
    }


def test_duplicates_in_different_given_splits_are_found(tmp_path, photo):
    for side, first in (("train", 0), ("test", 10)):
        for name in ("a", "b"):
            folder = tmp_path / side / name
            folder.mkdir(parents=True)
            for number in range(5):
                photo(first + number + 100 * (name == "b")).save(folder / f"{number}.png")
    photo(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "test" / "a" / "mirrored.png")
    dataset = Dataset.from_folder(tmp_path)
    (leak,) = examine(dataset, dataset.pack(Preparation(width=16, height=16))).of("leaks between splits")
    assert leak.pictures == ("train/a/2.png", "test/a/mirrored.png")
    assert leak.sentence == "in train and test"


def test_wrong_labels_and_outliers_are_reported_by_their_names_in_the_data_set(root):
    """Only 40 images are described, in another order: 39 in two opposite places, one alone between them."""
    dataset = Dataset.from_folder(root)
    positions = np.flatnonzero([name.endswith(".png") for name in dataset.source.names])[:40][::-1]
    labels, alone = dataset.labels[positions], 7
    features = np.eye(8)[labels] + np.random.default_rng(0).normal(0, 0.05, (40, 8))
    features[alone] = np.eye(8)[5]
    probabilities = np.full((40, 2), 0.05)
    probabilities[np.arange(40), labels] = 0.95
    wrong = int(np.flatnonzero(labels == 0)[0])
    probabilities[wrong] = 0.012, 0.988
    described = DescribedImages(positions, features.astype(np.float32), probabilities)
    pack = dataset.pack(Preparation(width=16, height=16))
    audit = examine(dataset, pack, described=described)
    (found,) = audit.of("probably mislabelled")
    assert found.pictures == (dataset.source.names[positions[wrong]],) and found.classes == ("a",)
    assert (found.figure, found.sentence) == (0.012, "predicted b (99%), its label has 1.2%")
    assert found.suggested == "b"
    assert audit.of("outlier")[0].pictures == (dataset.source.names[positions[alone]],)
    unchecked = examine(dataset, pack, described=described._replace(probabilities=None))
    assert not unchecked.of("probably mislabelled") and unchecked.of("outlier") == audit.of("outlier")


def test_an_image_is_reported_if_the_preparation_crops_two_fifths_of_it_away():
    random = np.random.default_rng(0)
    widths = [64] * 8 + [104, 110]  # a square crop removes 0.385 and 0.418 of the last two
    images = [random.integers(0, 256, (64, width, 3), np.uint8) for width in widths]
    dataset = Dataset.from_arrays(images, ["a", "b"] * 5)
    pack = dataset.pack(Preparation(width=16, height=16))
    (found,) = examine(dataset, pack).of("cropped by preparation")
    assert found.pictures == (dataset.source.names[9],) and found.sentence == "cropping removes 42%"
    assert not examine(dataset, pack, Preparation(width=32, height=32, fit="pad")).of("cropped by preparation")
