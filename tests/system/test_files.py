import errno
import hashlib
import multiprocessing
import os
import signal
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from eyebright.system import files
from eyebright.system.errors import DataError, OutputError
from eyebright.system.text import printable


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def fill(path: Path, content: str = "new", **options: bool) -> None:
    with files.new_folder(path, **options) as place:
        (place / "file").write_text(content)


@pytest.fixture
def full_disk(monkeypatch):
    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def crash(monkeypatch):
    """Make the process fall over when the new folder is to take its place."""

    def before_the_new_folder_stands() -> None:
        rename = Path.rename

        def renamed(self: Path, target: Path) -> Path:
            if "unfinished" in self.name:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", renamed)

    return before_the_new_folder_stands


def test_write_file_writes_and_leaves_nothing_beside(tmp_path):
    files.write_file(tmp_path / "a", b"one")
    files.write_file(tmp_path / "a", b"two")
    assert contents(tmp_path) == {"a": "two"}


def test_write_file_keeps_the_old_content_until_the_new_is_on_disk(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append((path.read_text(), os.fstat(handle).st_size)))
    files.write_file(path, b"newer")
    assert seen[0] == ("old", 5) and path.read_text() == "newer"


def test_write_file_on_a_full_disk_keeps_the_old_content_and_leaves_nothing_beside(tmp_path, full_disk):
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputError, match="a cannot be written: No space left"):
        files.write_file(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": "old"}


def test_write_file_names_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match="missing/a cannot be written: No such file"):
        files.write_file(tmp_path / "missing" / "a", b"x")


def test_a_folder_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "models" / "目 録"
    with files.new_folder(path) as place:
        (place / "file").write_text("new")
        assert not path.exists()
    assert contents(tmp_path) == {"models/目 録/file": "new"}


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_error_in_the_block_leaves_nothing_of_the_new_folder(tmp_path, problem, overwrite):
    if overwrite:
        fill(tmp_path / "a", "old")
    with pytest.raises(problem), files.new_folder(tmp_path / "a", overwrite=overwrite) as place:
        (place / "file").write_text("half")
        raise problem
    assert [path.name for path in tmp_path.iterdir()] == (["a"] if overwrite else [])
    assert contents(tmp_path) == ({"a/file": "old"} if overwrite else {})


def test_an_existing_folder_is_refused_with_the_way_out(tmp_path):
    fill(tmp_path / "a", "old")
    with pytest.raises(OutputError, match=r"a already exists.*--overwrite"):
        fill(tmp_path / "a")
    assert contents(tmp_path) == {"a/file": "old"}


def test_overwriting_keeps_the_old_folder_until_the_new_one_is_whole(tmp_path):
    fill(tmp_path / "a", "old")
    with files.new_folder(tmp_path / "a", overwrite=True) as place:
        (place / "other").write_text("new")
        assert contents(tmp_path / "a") == {"file": "old"}
    assert contents(tmp_path) == {"a/other": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_appeared_in_the_meantime_is_not_overwritten(tmp_path):
    with pytest.raises(OutputError, match="already exists"), files.new_folder(tmp_path / "a") as place:
        (place / "file").write_text("mine")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "precious").write_text("of somebody else")
    assert contents(tmp_path) == {"a/precious": "of somebody else"}


def test_a_crash_before_the_new_folder_stands_leaves_the_old_one_to_be_found(tmp_path, crash):
    fill(tmp_path / "a", "old")
    crash()
    child = multiprocessing.get_context("fork").Process(target=fill, args=(tmp_path / "a",), kwargs={"overwrite": True})
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
    assert contents(files.current_folder(tmp_path / "a")) == {"file": "old"}


def test_after_a_crash_the_next_folder_takes_the_place(tmp_path):
    fill(tmp_path / "a", "old")
    files.set_aside(tmp_path / "a")
    fill(tmp_path / "a", overwrite=True)
    assert contents(files.current_folder(tmp_path / "a")) == {"file": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_new_folder_that_cannot_take_its_place_leaves_the_old_one_standing(tmp_path, monkeypatch):
    fill(tmp_path / "a", "old")
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if "unfinished" in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputError, match="a cannot be written: Input/output error"):
        fill(tmp_path / "a", overwrite=True)
    assert contents(files.current_folder(tmp_path / "a")) == {"file": "old"}


def test_a_folder_that_is_there_stands_whatever_was_set_aside(tmp_path):
    fill(tmp_path / "a", "old")
    files.set_aside(tmp_path / "a")
    fill(tmp_path / "b", "new")
    (tmp_path / "b").rename(tmp_path / "a")
    assert files.current_folder(tmp_path / "a") == tmp_path / "a"
    fill(tmp_path / "a", "newest", overwrite=True)
    assert contents(tmp_path) == {"a/file": "newest"}


def test_nothing_stands_where_nothing_was(tmp_path):
    assert files.current_folder(tmp_path / "a") == tmp_path / "a"


def test_a_link_to_a_folder_can_be_overwritten_again_and_again(tmp_path):
    (tmp_path / "disk").mkdir()
    fill(tmp_path / "disk" / "a", "old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "a")
    for content in ("first", "second"):
        fill(tmp_path / "link", content, overwrite=True)
        assert contents(tmp_path / "link") == {"file": content}


def test_a_full_disk_leaves_nothing_of_the_new_folder(tmp_path, full_disk):
    with pytest.raises(OutputError, match="a cannot be written: No space left"):
        fill(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_reaches_the_disk_before_the_folder_takes_its_place(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "_sync", lambda path: synced.append((path.name, (tmp_path / "a").exists())))
    fill(tmp_path / "a")
    assert ("file", False) in synced and synced[-1] == (tmp_path.name, True)


def test_a_file_in_the_way_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "a").write_text("precious")
    with pytest.raises(OutputError, match="a is a file: choose a folder"):
        fill(tmp_path / "a", overwrite=True)
    assert contents(tmp_path) == {"a": "precious"}


def test_a_file_as_parent_is_refused(tmp_path):
    (tmp_path / "a").write_text("precious")
    with pytest.raises(OutputError, match="a/b cannot be written"):
        files.require_free(tmp_path / "a" / "b", overwrite=False)


def test_a_place_without_permission_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(OutputError, match=f"no permission to write in {tmp_path}"):
        files.require_free(tmp_path / "not yet" / "a", overwrite=False)


def test_the_root_is_refused_like_any_other_place_that_cannot_be_replaced():
    with pytest.raises(OutputError, match="/"):
        files.require_free(Path("/"), overwrite=True)


def test_a_free_place_is_left_as_it_is(tmp_path):
    files.require_free(tmp_path / "not yet" / "a", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_missing_room_is_reported_in_megabytes(tmp_path):
    with pytest.raises(
        OutputError, match=r"the pack needs 1,000,000,000,000 MB, but the disk of .* has [\d,]+ MB free"
    ):
        files.require_space(tmp_path / "not yet" / "a", 10**18, what="the pack")
    files.require_space(tmp_path, 1, what="the pack")


def test_the_cache_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "c"))
    assert files.cache_folder("packs", "x") == tmp_path / "c" / "packs" / "x"
    assert (tmp_path / "c" / "packs" / "x").is_dir()


def test_a_cache_that_cannot_be_made_is_reported_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "c").write_text("a file")
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "c"))
    with pytest.raises(OutputError, match="set EYEBRIGHT_CACHE to a writable folder"):
        files.cache_folder("packs")


def test_sha256_is_that_of_the_content(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rose 玫瑰 🌹.jpg", "rose 玫瑰 🌹.jpg"),
        ("two\nlines\t.jpg", r"two\nlines\t.jpg"),
        ("\x1b[31mred.jpg", r"\x1b[31mred.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\udce9.jpg"),
        ("right\u202eto left", r"right\u202eto left"),
    ],
)
def test_names_are_shown_on_one_line_without_control_characters(name, shown):
    assert printable(name) == shown
    assert not any(unicodedata.category(letter).startswith("C") for letter in printable(name))


def test_only_what_was_made_here_is_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_text("precious")
    with pytest.raises(
        OutputError,
        match=r"photos already exists and contains something else \(it has no model\.json\), which is never replaced",
    ):
        fill(tmp_path / "photos", overwrite=True, made_with=["model.json"])
    assert contents(tmp_path) == {"photos/mine.jpg": "precious"}
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", overwrite=True, made_with=["model.json"])
    assert (tmp_path / "empty" / "file").exists()


def test_a_second_rename_that_fails_puts_the_old_folder_back(tmp_path, monkeypatch):
    fill(tmp_path / "a", "old")
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if "unfinished" in self.name:
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(OutputError, match="Permission denied"):
        fill(tmp_path / "a", overwrite=True)
    assert contents(tmp_path) == {"a/file": "old"}


def test_write_file_does_not_replace_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="is not a regular file"):
        files.write_file(tmp_path / "pipe", b"x")


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "None"),
        (3, "an int"),
        (["a"], "a list"),
        (b"a", "a bytes"),
        ("", "an empty text"),
        (np.zeros(2), "an ndarray"),
    ],
)
def test_what_is_no_path_is_named_with_what_was_expected(value: object, got: str) -> None:
    with pytest.raises(DataError, match=f"^expected a folder, got {got}$"):
        files.as_path(value, "a folder", DataError)
    assert files.as_path("a", "a folder", DataError) == files.as_path(Path("a"), "a folder", DataError) == Path("a")
