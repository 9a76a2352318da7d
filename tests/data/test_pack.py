import hashlib
import os
import pickle
import subprocess
import sys
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from eyebright.data import store
from eyebright.data.pack import pack
from eyebright.data.pictures import PRINT, Preparation, open_picture, open_with_digest, take_prints
from eyebright.data.sources.folder import read_folder
from eyebright.data.sources.source import ArraySource
from eyebright.system.errors import DataError, OutputError

SAMPLED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def root(make_folder) -> Path:
    """Eight pictures in two classes."""
    return make_folder({"a": 5, "b": 3})


def packed(root: Path, preparation: Preparation, **options):
    return pack(read_folder(root).source, preparation, **options)


def contents(folder: Path) -> dict[str, tuple]:
    """All that can be seen of a folder: names, kinds, times, bytes."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None
        )
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_every_row_is_what_opening_the_picture_gives(root, fit):
    preparation = Preparation(width=7, height=4, fit=fit)
    source = read_folder(root).source
    rows = pack(source, preparation).read([7, 0, 3, 3])
    wanted = [open_picture(source.open(index), preparation) for index in (7, 0, 3, 3)]
    np.testing.assert_array_equal(rows, np.stack(wanted))


def test_digests_are_those_of_the_pictures(root, preparation):
    source = read_folder(root).source
    digests = pack(source, preparation).digests
    assert list(digests) == [open_with_digest(source.open(index), preparation)[1] for index in range(8)]


def test_arrays_are_packed_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (9, 5, 6, 3), np.uint8)
    np.testing.assert_array_equal(pack(ArraySource(images), Preparation(width=6, height=5)).read(range(9)), images)


def test_reading_nothing_gives_an_empty_batch(root, preparation):
    assert packed(root, preparation).read([]).shape == (0, 5, 6, 3)


def test_a_source_without_pictures_is_an_empty_pack(preparation):
    assert pack(ArraySource([]), preparation).rows.shape == (0,)


@pytest.mark.parametrize("name", ["two words", "two\nlines", "菊花", "🌼", os.fsdecode(b"\xff\xfe")])
def test_strange_names_of_files_and_of_the_folder_are_packed(make_folder, add_picture, tmp_path, preparation, name):
    root = make_folder({"a": 1}, tmp_path / name)
    add_picture(root / name / name)
    assert packed(root, preparation).left_out == []


def test_what_is_there_is_not_opened_again(root, preparation, opened):
    first = packed(root, preparation)
    assert len(opened) == 8
    again = packed(root, preparation)
    assert len(opened) == 8
    np.testing.assert_array_equal(again.read(range(8)), first.read(range(8)))
    assert list(again.digests) == list(first.digests)


@pytest.mark.parametrize("other", [{"width": 7}, {"height": 6}, {"fit": "pad"}])
def test_another_preparation_is_another_pack(root, opened, other):
    packed(root, Preparation(width=6, height=5))
    preparation = Preparation(**{"width": 6, "height": 5, **other})
    rows = packed(root, preparation).read([0])
    assert len(opened) == 16
    np.testing.assert_array_equal(rows[0], open_picture(root / "a/0.png", preparation))


def test_a_changed_file_and_a_new_one_are_opened_and_no_other(root, preparation, opened, add_picture):
    before = packed(root, preparation).read(range(8))
    add_picture(root / "a/1.png")
    add_picture(root / "a/0_new.png")
    opened.clear()
    after = packed(root, preparation)
    assert sorted(opened) == [root / "a/0_new.png", root / "a/1.png"]
    np.testing.assert_array_equal(after.read([0, 3, 8]), before[[0, 2, 7]])
    np.testing.assert_array_equal(after.read([2])[0], open_picture(root / "a/1.png", preparation))


def test_a_file_of_the_same_size_with_another_time_is_opened_again(root, preparation, opened):
    packed(root, preparation)
    os.utime(root / "b/2.png", ns=(5, 5))
    opened.clear()
    packed(root, preparation)
    assert opened == [root / "b/2.png"]


def test_a_file_of_the_same_size_and_time_with_other_content_is_opened_again(tmp_path, preparation, noise):
    picture = tmp_path / "flowers" / "a" / "0.bmp"
    picture.parent.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(noise(number)).save(picture)
        os.utime(picture, ns=(0, 0))  # as unpacking an archive leaves it
        rows = packed(tmp_path / "flowers", preparation).read([0])
    np.testing.assert_array_equal(rows[0], open_picture(picture, preparation))


def test_a_file_that_is_gone_does_not_move_the_others(root, preparation, opened):
    before = packed(root, preparation).read(range(8))
    (root / "a/0.png").unlink()
    opened.clear()
    np.testing.assert_array_equal(packed(root, preparation).read(range(7)), before[1:])
    assert opened == []


def test_bad_files_are_listed_with_their_reasons_and_have_no_row(root, preparation):
    (root / "a/1.png").write_bytes(b"")
    (root / "a/3.png").write_bytes(b"words")
    (root / "b/0.png").write_bytes((root / "b/0.png").read_bytes()[:200])
    (root / "b/1.png").unlink()
    (root / "b/1.png").symlink_to("nowhere.png")
    found = packed(root, preparation)
    reasons = dict(found.left_out)
    assert list(reasons) == ["a/1.png", "a/3.png", "b/0.png", "b/1.png"]
    assert reasons["a/1.png"] == "empty file"
    assert "not an image" in reasons["a/3.png"]
    assert reasons["b/0.png"].startswith("damaged: ")
    assert reasons["b/1.png"] == "file not found"
    assert (found.rows < 0).tolist() == [False, True, False, True, False, True, True, False]
    assert [digest == b"" for digest in found.digests] == (found.rows < 0).tolist()
    np.testing.assert_array_equal(found.read([7])[0], open_picture(root / "b/2.png", preparation))


def test_bad_files_are_listed_each_time_and_taken_once_mended(root, preparation, opened):
    whole = (root / "a/1.png").read_bytes()
    (root / "a/1.png").write_bytes(whole[:99])
    assert packed(root, preparation).left_out == packed(root, preparation).left_out != []
    (root / "a/1.png").write_bytes(whole)
    opened.clear()
    mended = packed(root, preparation)
    assert (mended.left_out, opened) == ([], [root / "a/1.png"])
    np.testing.assert_array_equal(mended.read([1])[0], open_picture(root / "a/1.png", preparation))


def test_a_file_that_only_could_not_be_read_is_tried_again(root, preparation, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(
            "PIL.Image.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
        assert {left.reason for left in packed(root, preparation).left_out} == {"Permission denied"}
    assert packed(root, preparation).left_out == []


@SAMPLED
@given(rows=st.floats(0, 1), index=st.floats(0, 1))
def test_a_pack_cut_off_at_any_byte_is_completed_to_the_same_bytes(root, preparation, own_cache, rows, index):
    wanted = packed(root, preparation).read(range(8))
    files = [next(own_cache.rglob(name)) for name in ("rows.u8", "index.bin")]
    whole = [file.read_bytes() for file in files]
    assert [len(content) for content in whole] == [8 * 90, 8 * 36]
    for file, content, part in zip(files, whole, (rows, index), strict=True):
        file.write_bytes(content[: round(part * len(content))])
    again = packed(root, preparation)
    np.testing.assert_array_equal(again.read(range(8)), wanted)
    assert [file.read_bytes() for file in files] == whole


DAMAGE = {
    "a bit": lambda content, at: content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :],
    "zeros": lambda content, at: content[:at] + bytes(len(content[at : at + 50])) + content[at + 50 :],
    "text": lambda content, at: content[:at] + b"Traceback (most recent call last)" + content[at:],
    "a part of itself": lambda content, at: content[:at] + content[:100] + content[at + 100 :],
}


@pytest.mark.filterwarnings("ignore:.*damaged on the disk")
@pytest.mark.parametrize("name", ["rows.u8", "prints.bin", "index.bin"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_on_the_disk_is_prepared_again(root, preparation, own_cache, name, damage):
    """In a sample of all places; what is read is right, and so is what is on the disk afterwards."""
    first = packed(root, preparation)
    whole = {file: file.read_bytes() for file in own_cache.rglob("packs/*/*.*") if file.suffix in (".u8", ".bin")}
    (file,) = (file for file in whole if file.name == name)
    for at in range(0, len(whole[file]) - 1, len(whole[file]) // 12):
        for path, content in whole.items():
            path.write_bytes(content)
        file.write_bytes(DAMAGE[damage](whole[file], at))
        for _ in range(2):
            again = packed(root, preparation)
            assert list(again.digests) == list(first.digests)
            np.testing.assert_array_equal(again.read(range(8)), first.read(range(8)))
            assert again.prints(range(8)).tobytes() == first.prints(range(8)).tobytes()


def test_damage_is_reported_once_and_mended(root, preparation, own_cache, recwarn):
    wanted = packed(root, preparation).read(range(8))
    for name, places in (("index.bin", (40, 41)), ("rows.u8", (500,))):
        file = next(own_cache.rglob(name))
        content = bytearray(file.read_bytes())
        for place in places:
            content[place] ^= 1
        file.write_bytes(content)
        with pytest.warns(UserWarning, match="is damaged on the disk; what was in it is computed again"):
            np.testing.assert_array_equal(packed(root, preparation).read(range(8)), wanted)
        np.testing.assert_array_equal(packed(root, preparation).read(range(8)), wanted)  # no warning any more


def test_a_damaged_row_whose_image_has_gone_is_named(root, preparation, own_cache):
    made = packed(root, preparation)
    rows = next(own_cache.rglob("rows.u8"))
    rows.write_bytes(bytes(len(rows.read_bytes())))
    (root / "a" / "1.png").unlink()
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(DataError, match=r"a/1\.png is damaged on the disk"):
        made.read([1])


def test_other_processes_get_a_pack_that_was_checked(root, preparation, own_cache):
    made = packed(root, preparation)
    rows = next(own_cache.rglob("rows.u8"))
    rows.write_bytes(bytes(len(rows.read_bytes())))
    with pytest.warns(UserWarning, match="damaged"):
        made.check(np.arange(8))
    elsewhere = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(elsewhere.read(range(8)), made.read(range(8)))
    rows.write_bytes(bytes(len(rows.read_bytes())))
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(DataError, match=r"rows\.u8 is damaged"):
        pickle.loads(pickle.dumps(made)).read([0])


@pytest.mark.parametrize("name", ["rows.u8", "index.bin"])
def test_a_pack_that_lost_a_file_is_made_again(root, preparation, own_cache, name):
    wanted = packed(root, preparation).read(range(8))
    next(own_cache.rglob(name)).unlink()
    np.testing.assert_array_equal(packed(root, preparation).read(range(8)), wanted)


def test_only_what_was_cut_off_is_opened_again(root, preparation, own_cache, opened):
    packed(root, preparation)
    rows = next(own_cache.rglob("rows.u8"))
    rows.write_bytes(rows.read_bytes()[: 6 * 90 + 89])
    opened.clear()
    packed(root, preparation)
    assert opened == [root / "b/1.png", root / "b/2.png"]


def test_an_interrupted_run_goes_on_where_it_was(root, preparation, monkeypatch, opened):
    monkeypatch.setattr(store, "_FLUSH_EVERY", 2)

    def interrupt(stage: str, done: int, of: int | None) -> None:
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed(root, preparation, report=interrupt)
    opened.clear()
    rows = packed(root, preparation).read(range(8))
    assert len(opened) <= 4
    source = read_folder(root).source
    np.testing.assert_array_equal(rows, np.stack([open_picture(source.open(index), preparation) for index in range(8)]))


def test_progress_runs_to_the_number_of_all(root, preparation):
    (root / "a/1.png").write_bytes(b"")
    calls: list[tuple[str, int, int | None]] = []
    packed(root, preparation, report=lambda *call: calls.append(call))
    assert calls == sorted(set(calls))  # a thread hands over several images at once where there are few cores
    assert [calls[0], calls[-1]] == [("preparing", 0, 8), ("preparing", 8, 8)]
    calls.clear()
    packed(root, preparation, report=lambda *call: calls.append(call))
    assert calls == [("preparing", 7, 8), ("preparing", 8, 8)]


def test_what_is_packed_already_needs_no_room(root, preparation, fill_cache_disk):
    before = packed(root, preparation)
    fill_cache_disk(0)
    assert packed(root, preparation).rows.tolist() == before.rows.tolist()


def test_a_disk_that_fills_while_packing_is_an_error_with_the_path(root, preparation, monkeypatch, own_cache):
    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("os.fsync", full)
        with pytest.raises(OutputError, match=rf"{own_cache}.*No space left on device"):
            packed(root, preparation)
    assert packed(root, preparation).left_out == []


def test_a_cache_that_cannot_be_made_says_how_to_choose_another(root, preparation, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"file/packs.* set EYEBRIGHT_CACHE"):
        packed(root, preparation)


def test_two_threads_share_the_work_and_the_result(root, preparation, opened):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: packed(root, preparation), range(2))
    assert len(opened) == 8
    np.testing.assert_array_equal(first.read(range(8)), second.read(range(8)))


def test_two_processes_share_one_pack(root, preparation, own_cache):
    script = (
        "import sys; from pathlib import Path; from eyebright.data.dataset import Dataset\n"
        "from eyebright.data.pictures import Preparation\n"
        "pack = Dataset.from_folder(sys.argv[1]).pack(Preparation(width=6, height=5))\n"
        "sys.stdout.buffer.write(pack.read(range(8)).tobytes())"
    )
    command = [sys.executable, "-c", script, str(root)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [run.communicate()[0] for run in runs]
    assert outputs == [packed(root, preparation).read(range(8)).tobytes()] * 2
    assert next(own_cache.rglob("index.bin")).stat().st_size == 8 * 36


def test_many_threads_read_at_once(root, preparation):
    found = packed(root, preparation)
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda index: (index, int(found.read([index]).sum())), list(range(8)) * 50))
    assert len(set(sums)) == 8


def test_a_pack_in_use_stays_right_while_it_grows(root, preparation, add_picture):
    early = packed(root, preparation)
    before = early.read(range(8))
    add_picture(root / "a/0_new.png")
    packed(root, preparation)
    np.testing.assert_array_equal(early.read(range(8)), before)


def test_a_pack_that_is_dropped_closes_its_file(root, preparation, monkeypatch):
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    packed(root, preparation)
    assert complaints == []


def test_the_users_files_are_only_read(root, preparation):
    (root / "a/1.png").write_bytes(b"words")
    (root / "b/link.png").symlink_to("0.png")
    before = contents(root)
    packed(root, preparation)
    assert contents(root) == before


def test_real_pictures_are_packed_as_they_are_opened(real_pictures):
    source = read_folder(real_pictures / "fashion" / "folder").source
    source.names = source.names[::50]
    preparation = Preparation(width=28, height=28)
    rows = pack(source, preparation).read(range(len(source.names)))
    digest = hashlib.sha256()
    for index in range(len(source.names)):
        digest.update(open_picture(source.open(index), preparation).tobytes())
    assert hashlib.sha256(rows.tobytes()).digest() == digest.digest()


def test_prints_are_those_of_the_pictures_and_are_not_taken_again(root, preparation, opened):
    source = read_folder(root).source
    wanted = take_prints([open_with_digest(source.open(index), preparation).look for index in (7, 0)])
    pack(source, preparation)
    opened.clear()
    prints = pack(source, preparation).prints([7, 0])
    assert not opened
    assert [one.tobytes() for one in prints] == [one.tobytes() for one in wanted]
    assert pack(source, preparation).prints([]).shape == (0,)


KEPT = PRINT.itemsize + 32  # bytes stored for an image that is streamed
usage = namedtuple("usage", "total used free")


@pytest.fixture
def fill_cache_disk(own_cache, monkeypatch):
    """`fill_cache_disk(n)` leaves n bytes on the disk of the cache; others have room."""

    def fill(left: int) -> None:
        monkeypatch.setattr(
            "shutil.disk_usage", lambda place: usage(0, 0, left if str(place).startswith(str(own_cache)) else 10**12)
        )

    return fill


@pytest.fixture
def source(root):
    """The same eight images, of which one cannot be opened."""
    (root / "a/2.png").write_bytes(b"words")
    return read_folder(root).source


def test_what_is_streamed_is_what_would_have_been_packed(source, preparation, fill_cache_disk, own_cache):
    fill_cache_disk(8 * KEPT)
    streamed = pack(source, preparation)
    assert streamed.streamed and not list(own_cache.rglob("rows.u8"))
    fill_cache_disk(10**9)
    kept = pack(source, preparation)
    assert not kept.streamed
    assert list(streamed.digests) == list(kept.digests) and streamed.left_out == kept.left_out != []
    usable = np.array([7, 0, 3, 3])
    np.testing.assert_array_equal(streamed.read(usable), kept.read(usable))
    assert streamed.prints(usable).tobytes() == kept.prints(usable).tobytes()
    thumbnails = kept.thumbnails(usable)
    assert len(thumbnails) == 4
    np.testing.assert_array_equal(thumbnails[np.array([2, 0])], kept.prints([3, 7])["thumbnail"])
    assert streamed.read([]).shape == (0, 5, 6, 3)


def test_prints_are_taken_once_and_serve_every_preparation(source, preparation, fill_cache_disk, opened):
    fill_cache_disk(8 * KEPT)
    pack(source, preparation)
    opened.clear()
    again = pack(source, Preparation(width=9, height=9))
    assert again.streamed and len(opened) == 1  # the one that cannot be opened, in case it was mended
    assert again.read([0]).shape == (1, 9, 9, 3)


def test_without_room_even_for_prints_it_says_so(source, preparation, fill_cache_disk, opened):
    fill_cache_disk(8 * KEPT - 1)
    with pytest.raises(OutputError, match=r"preparing 8 images needs .* MB free"):
        pack(source, preparation)
    assert opened == []


@pytest.mark.parametrize("change", ["write", "unlink"])
def test_an_image_that_changes_while_it_is_streamed_is_named(source, preparation, fill_cache_disk, add_picture, change):
    fill_cache_disk(8 * KEPT)
    streamed = pack(source, preparation)
    place = source.root / "b/1.png"
    add_picture(place) if change == "write" else place.unlink()
    streamed.read([0, 7])
    with pytest.raises(DataError, match=r"b/1\.png cannot be read again \(it has changed\)"):
        streamed.read([0, 6])
