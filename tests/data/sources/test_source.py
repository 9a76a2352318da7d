import os

import numpy as np
import pytest

from eyebright.data.sources.folder import FolderSource
from eyebright.data.sources.source import (
    ArraySource,
    FoundImages,
    exclude_images,
    grouped,
    scanning,
    stamp_of,
)
from eyebright.system.errors import DataError, SettingsError

NAMES = ["stop/00001_00000.ppm", "stop/00001_00001.ppm", "stop/00002_00000.ppm", "yield/00001_00000.ppm", "yield/x.png"]


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(5 * 6 * 4, dtype=np.uint8).reshape(5, 6, 4)


def changed(images: np.ndarray) -> np.ndarray:
    other = images.copy()
    other[4, 5, 3] += 1
    return other


def test_arrays_are_numbered_and_opened_by_number(images):
    source = ArraySource(images)
    assert list(source.names) == ["0000000", "0000001", "0000002", "0000003", "0000004"]
    np.testing.assert_array_equal(source.open(3), images[3])


def test_equal_images_have_one_identity_in_any_memory_layout(images):
    sources = [images, list(images), np.asfortranarray(images), images[::-1].copy()[::-1]]
    assert len({ArraySource(source).identity for source in sources}) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(changed, id="one value"),
        pytest.param(lambda images: images[::-1], id="order"),
        pytest.param(lambda images: images[:4], id="number"),
        pytest.param(lambda images: images.reshape(5, 4, 6), id="shape"),
        pytest.param(lambda images: images.astype(np.int8), id="type"),
    ],
)
def test_different_images_have_different_identities(images, other):
    assert ArraySource(images).identity != ArraySource(other(images)).identity


def test_images_may_have_different_sizes():
    source = ArraySource([np.zeros((2, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)])
    assert (len(source.names), source.open(1).shape) == (2, (4, 5, 3))


@pytest.fixture
def found(tmp_path) -> FoundImages:
    names = ["a/0.png", "a/1.png", "b/two\nlines.png", "b/3.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    sides = ["train", "train", "test", "train"]
    return FoundImages(FolderSource(tmp_path, names), ("a", "b"), [0, 0, 1, 1], sides, ["x", "", "y", ""], tmp_path)


def test_excluded_images_are_removed_with_all_that_is_known_about_them(found, tmp_path):
    rest = exclude_images(found, ["a/0.png", "b/two\\nlines.png"])  # the second as a terminal shows it
    assert rest.source.names == ["a/1.png", "b/3.png"]
    assert (rest.classes, rest.labels, rest.origin) == (("a", "b"), [0, 1], tmp_path)
    assert (rest.sides, rest.groups) == (["train", "train"], ["", ""])
    assert [rest.source.open(index).read_text() for index in range(2)] == ["a/1.png", "b/3.png"]
    assert rest.source.stamp(1) == found.source.stamp(3) and rest.source.identity == found.source.identity
    assert exclude_images(found, ["b/two\nlines.png"]).source.names == ["a/0.png", "a/1.png", "b/3.png"]


def test_what_is_unknown_stays_unknown_after_excluding(found):
    rest = exclude_images(found._replace(sides=None, groups=None), ["a/0.png"])
    assert rest.sides is rest.groups is None


def test_unknown_names_to_exclude_are_refused_with_the_nearest(found):
    with pytest.raises(DataError, match=r"2 names of images to exclude not found, .* 'a/2.pgn': did you mean 'a/"):
        exclude_images(found, ["a/0.png", "b/9.pgn", "a/2.pgn"])


def test_scanning_reports_every_thousand_and_the_end():
    reports = []
    assert list(scanning(range(2_500), lambda *call: reports.append(call))) == list(range(2_500))
    assert reports == [("scanning", count, None) for count in (1_000, 2_000, 2_500)]


def test_a_stamp_changes_with_the_size_and_with_the_time(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"1")
    stamps = [stamp_of(file), stamp_of(str(file))]
    os.utime(file, ns=(1, 1))
    stamps.append(stamp_of(file))
    file.write_bytes(b"12")
    os.utime(file, ns=(1, 1))
    stamps.append(stamp_of(file))
    assert stamps[0] == stamps[1] and len(set(stamps)) == 3


@pytest.fixture
def signs(tmp_path):
    return FoundImages(FolderSource(tmp_path, NAMES), ("stop", "yield"), [0, 0, 0, 1, 1])


def sets(groups):
    """Which pictures are together; those in no group are by themselves."""
    found = {}
    for index, group in enumerate(groups):
        found.setdefault(group or index, set()).add(index)
    return sorted(map(sorted, found.values()))


def test_what_the_brackets_capture_is_a_group_within_its_class(signs):
    assert sets(grouped(signs, r"(\d+)_\d+\.ppm")) == [[0, 1], [2], [3], [4]]


def test_without_brackets_the_whole_match_counts(signs):
    assert sets(grouped(signs, r"\d{5}_")) == [[0, 1], [2], [3], [4]]


def test_a_match_with_a_folder_separates_classes_itself(signs):
    assert sets(grouped(signs, r"\w+/(\d+)_")) == [[0, 1, 3], [2], [4]]


def test_an_expression_that_finds_nothing_or_is_none_is_an_error(signs):
    with pytest.raises(SettingsError, match=r"matches no image name, .* a name is 'stop/00001_00000\.ppm'"):
        grouped(signs, r"track-(\d+)")
    with pytest.raises(SettingsError, match="is not a valid regular expression"):
        grouped(signs, "(")
