import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from eyebright.data.sources.folder import FolderSource, read_folder
from eyebright.system.errors import DataError

STRANGE_NAMES = ["two words.png", "two\nlines.png", "菊花.png", "🌼.png", "-o.png", os.fsdecode(b"\xff\xfe.png")]


def found(root: Path) -> dict[str, list[str]]:
    """The files of each class."""
    scan = read_folder(root)
    classes = {name: [] for name in scan.classes}
    for name, label in zip(scan.source.names, scan.labels, strict=True):
        classes[scan.classes[label]].append(name)
    return classes


def by_side(root: Path) -> list[tuple[str, str, str]]:
    scan = read_folder(root)
    names = (Path(name).name for name in scan.source.names)
    return sorted(zip(scan.sides, (scan.classes[label] for label in scan.labels), names, strict=True))


@pytest.fixture
def scrambled(monkeypatch):
    """The disk lists its entries in another order each time."""
    random = np.random.default_rng(0)
    scandir = os.scandir

    @contextlib.contextmanager
    def scrambled(path):
        with scandir(path) as entries:
            entries = list(entries)
        yield iter([entries[position] for position in random.permutation(len(entries))])

    monkeypatch.setattr("os.scandir", scrambled)


def test_each_folder_is_a_class_in_the_order_of_their_names(make_folder):
    root = make_folder({"tulip": 2, "Rose": 1, "daisy": 1})
    assert found(root) == {"Rose": ["Rose/0.png"], "daisy": ["daisy/0.png"], "tulip": ["tulip/0.png", "tulip/1.png"]}


def test_files_are_sorted_by_name_in_any_order_of_the_disk(make_folder, add_picture, scrambled):
    root = make_folder({"b": 12, "a": 12})
    add_picture(root / "a" / "more" / "0.png")
    add_picture(root / "a" / "less" / "0.png")
    scans = [read_folder(root) for _ in range(5)]
    assert all(scan.source.names == scans[0].source.names for scan in scans)
    assert scans[0].source.names[:3] == ["a/0.png", "a/1.png", "a/10.png"]
    assert scans[0].source.names[12:15] == ["a/less/0.png", "a/more/0.png", "b/0.png"]


def test_hidden_files_and_folders_are_ignored(make_folder, add_picture):
    root = make_folder({"a": 1, "b": 1})
    for name in (".thumbs/a.png", "a/.DS_Store", "a/._0.png", "a/.cache/1.png"):
        add_picture(root / name)
    assert found(root) == {"a": ["a/0.png"], "b": ["b/0.png"]}


@pytest.mark.parametrize("name", ["A.JPG", "a.JPeG", "a.PNG", "no_extension", "a.b.c", "a.jpg.orig", "a.data"])
def test_files_of_unknown_extensions_are_kept(make_folder, add_picture, name):
    root = make_folder({"a": 0, "b": 1})
    add_picture(root / "a" / name)
    assert found(root)["a"] == [f"a/{name}"]


@pytest.mark.parametrize("name", ["README.txt", "LABELS.CSV", "page.html", "Thumbs.db", "archive.zip", "notes.md"])
def test_files_of_other_types_are_ignored(make_folder, add_picture, name):
    root = make_folder({"a": 1, "b": 1})
    add_picture(root / "a" / name)
    add_picture(root / name)
    assert found(root) == {"a": ["a/0.png"], "b": ["b/0.png"]}


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_strange_names_of_files_and_classes_are_kept(make_folder, add_picture, name):
    root = make_folder({"a": 1})
    add_picture(root / name / name)
    assert found(root)[name] == [f"{name}/{name}"]


def test_files_in_nested_folders_belong_to_the_class_at_the_top(make_folder, add_picture):
    root = make_folder({"a": 1, "b": 1})
    add_picture(root / "a" / "2024" / "b" / "x.png")
    assert found(root)["a"] == ["a/0.png", "a/2024/b/x.png"]


def test_an_empty_class_folder_is_a_class(make_folder):
    root = make_folder({"a": 1})
    (root / "empty").mkdir()
    assert found(root) == {"a": ["a/0.png"], "empty": []}


def test_links_to_other_files_and_folders_are_followed_once(make_folder, add_picture, tmp_path):
    root = make_folder({"a": 1, "b": 1})
    add_picture(tmp_path / "elsewhere" / "x.png")
    (root / "a" / "first").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "second").symlink_to(tmp_path / "elsewhere")
    (root / "b" / "link.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    assert found(root) == {"a": ["a/0.png", "a/first/x.png"], "b": ["b/0.png", "b/link.png"], "c": ["c/x.png"]}


@pytest.mark.parametrize("target", [".", "..", "../a", "../../pictures/a", "../.."])
def test_no_file_is_found_twice_through_a_link_to_a_folder_above(make_folder, target):
    root = make_folder({"a": 1, "b": 1})
    (root / "a" / "loop").symlink_to(target)
    assert found(root) == {"a": ["a/0.png"], "b": ["b/0.png"]}


@pytest.mark.parametrize("target", [".", "..", "../pictures"])
def test_a_link_to_a_folder_above_is_not_a_class(make_folder, target):
    root = make_folder({"a": 1, "b": 1})
    (root / "loop").symlink_to(target)
    assert found(root) == {"a": ["a/0.png"], "b": ["b/0.png"]}


def test_broken_links_are_kept_so_that_they_are_listed_as_bad_files(make_folder):
    root = make_folder({"a": 1, "b": 1})
    (root / "a" / "itself.png").symlink_to("itself.png")
    (root / "a" / "gone.png").symlink_to("nowhere.png")
    assert found(root)["a"] == ["a/0.png", "a/gone.png", "a/itself.png"]


@pytest.mark.parametrize(
    "sides",
    [
        {"train": "train", "validation": "validation", "test": "test"},
        {"train": "train", "val": "validation", "test": "test"},
        {"Training": "train", "Valid": "validation"},
        {"TRAIN": "train", "Test": "test"},
        {"train": "train"},
    ],
)
def test_splits_are_taken_from_the_folders(make_folder, sides):
    for number, side in enumerate(sides):
        root = make_folder({f"{side}/daisy": 1, f"{side}/rose": number})
    wanted = [(side, "daisy", "0.png") for side in sides.values()]
    wanted += [(side, "rose", f"{n}.png") for number, side in enumerate(sides.values()) for n in range(number)]
    assert by_side(root) == sorted(wanted)


def test_without_folders_of_splits_there_are_no_splits(make_folder):
    assert read_folder(make_folder({"a": 1, "b": 1})).sides is None


def test_a_class_in_only_one_split_is_a_class(make_folder):
    root = make_folder({"train/a": 1, "train/b": 1, "test/a": 1, "test/c": 1})
    assert read_folder(root).classes == ("a", "b", "c")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"flowers does not exist: expected a folder with one folder of images per class"
    ):
        read_folder(tmp_path / "flowers")


def test_a_file_in_place_of_the_folder_is_named(add_picture, tmp_path):
    with pytest.raises(DataError, match=r"flowers\.zip is a file: expected a folder"):
        read_folder(add_picture(tmp_path / "flowers.zip"))


def test_a_name_that_is_too_long_for_the_disk_is_a_data_error():
    with pytest.raises(DataError, match=r"long|does not exist"):
        read_folder(Path("x" * 5_000))


@pytest.mark.parametrize("files", [[], ["0.png"], [".hidden/0.png"], ["train.txt"]])
def test_a_folder_without_class_folders_is_refused(add_picture, tmp_path, files):
    root = tmp_path / "flowers"
    root.mkdir()
    for name in files:
        add_picture(root / name)
    with pytest.raises(
        DataError, match=r"flowers contains no folders: expected one folder of images per class, such as .*/daisy and"
    ):
        read_folder(root)


@pytest.mark.parametrize("place", ["pictures", "pictures/b", "pictures/b/deep"])
def test_a_folder_that_cannot_be_read_is_named(make_folder, monkeypatch, place):
    root = make_folder({"a": 1, "b/deep": 1})
    scandir = os.scandir

    def refused(path):
        if os.fspath(path) == str(root.parent / place):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refused)
    with pytest.raises(DataError, match=rf"{place} cannot be read: Permission denied"):
        read_folder(root)


def test_the_number_of_files_is_reported_while_they_are_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(505):
            (tmp_path / name / f"{number}.png").touch()
    reports = []
    read_folder(tmp_path, lambda *call: reports.append(call))
    assert reports == [("scanning", 1_000, None), ("scanning", 1_010, None)]


def test_the_folder_may_be_given_by_any_path(make_folder, monkeypatch):
    root = make_folder({"a": 1, "b": 1})
    monkeypatch.chdir(root / "a")
    scans = [read_folder(Path(path)) for path in (root, f"{root}/", "..", "../../pictures")]
    assert {scan.source.identity for scan in scans} == {scans[0].source.identity}
    assert all(scan.source.names == ["a/0.png", "b/0.png"] for scan in scans)


def test_the_stamp_of_an_image_changes_with_its_file(make_folder):
    path = make_folder({"a": 1}) / "a" / "0.png"
    source = FolderSource(path.parent, ["0.png"])
    before = source.stamp(0)
    assert source.stamp(0) == before
    path.write_bytes(b"other")
    assert source.stamp(0) not in (before, "missing")
    path.unlink()
    assert source.stamp(0) == "missing"


def test_real_images_are_found(real_pictures):
    scan = read_folder(real_pictures / "flowers")
    assert scan.classes == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert len(scan.labels) == 4_317


def test_real_splits_are_found(real_pictures):
    scan = read_folder(real_pictures / "cifar10")
    assert (len(scan.classes), set(scan.sides)) == (10, {"train", "test"})


def test_a_folder_of_one_class_suggests_the_folder_of_all_classes(make_folder) -> None:
    folder = make_folder({"blue": 1, "green": 1, "red": 1})
    with pytest.raises(DataError, match=rf"red seems to be one class beside blue, green: did you mean {folder}\?"):
        read_folder(folder / "red")
