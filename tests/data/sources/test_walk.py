import os
from pathlib import Path

import pytest

from eyebright.data.sources.walk import folders_in, has_files, has_images, walk_files


def test_walk_files_lists_the_files_of_any_folder(make_folder):
    root = make_folder({"b": 1, "a": 2, "a/c": 1})
    assert [os.path.relpath(path, root) for path in walk_files(root)] == ["a/0.png", "a/1.png", "a/c/0.png", "b/0.png"]


def test_folders_of_systems_are_not_entered(make_folder):
    root = make_folder({"a": 1, "a/__MACOSX": 1, "a/@eaDir/0.png": 1})
    assert [os.path.relpath(path, root) for path in walk_files(root)] == ["a/0.png"]


def test_folders_in_lists_the_folders_at_the_top(make_folder):
    root = make_folder({"b": 1, "a/c": 1, ".hidden": 1})
    assert [path.name for path in folders_in(root)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("deep/a.JPG", b"damaged", (True, True)),
        ("model.pt", b"PK", (True, False)),
        ("notes.txt", b"", (True, False)),
        (".DS_Store", b"", (False, False)),
    ],
)
def test_a_folder_has_files_or_images_by_their_extensions(tmp_path, name, content, expected):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    assert (has_files(tmp_path), has_images(tmp_path)) == expected


def test_a_file_without_an_extension_may_be_an_image(tmp_path, add_picture):
    add_picture(tmp_path / "a.png").rename(tmp_path / "a")
    assert has_images(tmp_path)


def test_only_files_with_the_wanted_extensions_are_found(tmp_path):
    for name in ("a.xml", "b.XML", "c.txt", "d.png", "in/e.xml", ".f.xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [Path(file).relative_to(tmp_path).as_posix() for file in walk_files(tmp_path, {"xml"})]
    assert found == ["a.xml", "b.XML", "in/e.xml"]
