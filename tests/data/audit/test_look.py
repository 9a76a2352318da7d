import numpy as np
import pytest
from PIL import Image, ImageFilter

from eyebright.data.audit.look import look_over
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.sources.source import ArraySource


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


def test_each_picture_is_found_for_what_is_wrong_with_it(root):
    dataset = Dataset.from_folder(root)
    audit = look_over(dataset, dataset.pack(Preparation(width=16, height=16)))
    assert (audit.pictures, audit.classes) == (68, {"a": 36, "b": 32})
    found = {(finding.kind, finding.pictures) for finding in audit.findings}
    assert found == {
        ("unreadable", ("a/broken.jpg",)),
        ("exact copies", ("a/00.png", "b/same.bmp")),
        ("near copies", ("a/01.png", "a/turned.jpg")),
        ("copies with different labels", ("a/00.png", "b/same.bmp")),
        ("very dark", ("a/dark.png",)),
        ("very bright", ("a/bright.png",)),
        ("blurred", ("a/blurred.png",)),
        ("odd size", ("a/wide.png",)),
        ("cropped by preparation", ("a/wide.png",)),
        ("nearly empty", ("b/plain.png",)),
    }


def test_copies_across_given_sides_are_found(tmp_path, photo):
    for side, first in (("train", 0), ("test", 10)):
        for name in ("a", "b"):
            folder = tmp_path / side / name
            folder.mkdir(parents=True)
            for number in range(5):
                photo(first + number + 100 * (name == "b")).save(folder / f"{number}.png")
    photo(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "test" / "a" / "mirrored.png")
    dataset = Dataset.from_folder(tmp_path)
    (leak,) = look_over(dataset, dataset.pack(Preparation(width=16, height=16))).of("leaking between given splits")
    assert leak.pictures == ("test/a/mirrored.png", "train/a/2.png")
    assert leak.sentence == "copies are in train, test"


class Seen:
    """Features as `look_over` reads them: a point for each picture."""

    def __init__(self, points: np.ndarray) -> None:
        self.points, self.rows = points, np.arange(len(points))

    def read(self, indices) -> np.ndarray:
        return self.points[indices]


@pytest.mark.parametrize("given", ["sides", "groups"])
def test_copies_do_not_vouch_for_each_others_labels(given):
    """Six copies of a picture of the first class, exact and mirrored ones, are labelled as the second."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (601, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    images = [*pictures[:600], *[pictures[600]] * 3, *[pictures[600, :, ::-1]] * 3]
    labels = np.repeat([0, 1, 2, 1], [200, 200, 200, 6])
    points = (8 * np.eye(8)[labels] + random.normal(0, 0.4, (606, 8))).astype(np.float32)
    points[600:] = 8 * np.eye(8)[0] + 5 * np.eye(8)[7]  # by the last one they would know each other
    options = {"sides": {"sides": ["train"] * 606}, "groups": {"groups": ["one", "one", *[""] * 604]}}[given]
    dataset = Dataset(ArraySource(images), ["a", "b", "c"], labels, **options)
    audit = look_over(dataset, dataset.pack(Preparation(width=16, height=16)), features=Seen(points))
    doubted = {name for finding in audit.of("probably mislabelled") for name in finding.pictures}
    assert doubted == {dataset.source.names[index] for index in range(600, 606)}
