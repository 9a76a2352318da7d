import pytest

from eyebright.datasets.groups import grouped
from eyebright.datasets.sources import FolderSource, Found
from eyebright.errors import SettingsError

NAMES = ["stop/00001_00000.ppm", "stop/00001_00001.ppm", "stop/00002_00000.ppm", "yield/00001_00000.ppm", "yield/x.png"]


@pytest.fixture
def found(tmp_path):
    return Found(FolderSource(tmp_path, NAMES), ("stop", "yield"), [0, 0, 0, 1, 1])


def sets(groups):
    """Which pictures are together; those in no group are by themselves."""
    found = {}
    for index, group in enumerate(groups):
        found.setdefault(group or index, set()).add(index)
    return sorted(map(sorted, found.values()))


def test_what_the_brackets_capture_is_a_group_within_its_class(found):
    assert sets(grouped(found, r"(\d+)_\d+\.ppm")) == [[0, 1], [2], [3], [4]]


def test_without_brackets_the_whole_match_counts(found):
    assert sets(grouped(found, r"\d{5}_")) == [[0, 1], [2], [3], [4]]


def test_a_match_with_a_folder_tells_classes_apart_itself(found):
    assert sets(grouped(found, r"\w+/(\d+)_")) == [[0, 1, 3], [2], [4]]


def test_an_expression_that_finds_nothing_or_is_none_is_an_error(found):
    with pytest.raises(SettingsError, match=r"matches no picture's name, such as 'stop/00001_00000\.ppm'"):
        grouped(found, r"track-(\d+)")
    with pytest.raises(SettingsError, match="is no regular expression"):
        grouped(found, "(")
