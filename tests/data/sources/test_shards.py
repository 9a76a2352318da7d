import gc
import io
import json
import tarfile
import tracemalloc

import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.sources.find import find
from eyebright.system.errors import DataError, PictureError

SIZE = Preparation(width=12, height=10)
FOLDER, LINK, HARD_LINK, DEVICE, PIPE = (
    kind.decode() for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
)


def classes_by_name(found) -> dict[str, str]:
    return {name: found.classes[label] for name, label in zip(found.source.names, found.labels, strict=True)}


def test_every_picture_of_every_shard_is_its_own(tmp_path, noise, samples):
    for number, name in enumerate(["train-000", "train-001", "test-000"]):
        (tmp_path / f"{name}.tar").write_bytes(samples(range(7 * number, 7 * number + 7)))
    found = find(tmp_path)
    assert found.classes == ("blue", "red")
    assert found.sides == ["test"] * 7 + ["train"] * 14
    assert found.source.names[0] == "test-000/00014.png"
    for index in np.random.default_rng(0).permutation(21):
        number = int(found.source.names[index][-9:-4])
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(number))
        assert found.classes[found.labels[index]] == ("red" if number % 2 else "blue")


def test_the_same_pictures_split_alike_from_a_folder_and_from_shards(tmp_path, encoded, samples):
    (tmp_path / "a.tar").write_bytes(samples(range(40)))
    for number in range(40):
        place = tmp_path / "folder" / ("red" if number % 2 else "blue") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded(number))
    sides = []
    for path in (tmp_path / "a.tar", tmp_path / "folder"):
        dataset = Dataset.open(path, seed=5)
        pack = dataset.pack(SIZE)
        sides.append(dict(zip(pack.digests, dataset.split(pack).tolist(), strict=True)))
    assert sides[0] == sides[1] and len(sides[0]) == 40


@pytest.mark.parametrize(
    ("told", "label"),
    [
        ({"cls": b"7\n"}, "7"),
        ({"cls": b" rose "}, "rose"),
        ({"json": b'{"label": "rose", "cls": 3}'}, "rose"),
        ({"json": b'{"cls": 3, "other": null}'}, "3"),
        ({"json": b'{"label": 1}', "cls": b"0"}, "0"),
        ({"txt": b"a rose", "json": b'{"caption": "a rose"}'}, "folder"),
        ({"json": b"[1, 2]"}, "folder"),
        ({"json": b'{"score": NaN}'}, "folder"),
        ({"json": b"{", "cls": b"rose"}, "rose"),
        ({}, "folder"),
    ],
)
def test_the_class_is_told_by_cls_or_json_or_the_folder(tmp_path, make_tar, told, label):
    members = {"folder/1.jpg": b"..."} | {f"folder/1.{suffix}": content for suffix, content in told.items()}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    assert classes_by_name(find(tmp_path / "a.tar")) == {"a/folder/1.jpg": label}


def test_folders_that_all_have_in_common_are_no_class(tmp_path, make_tar):
    names = ["./photos/rose/1.jpg", "photos/rose/2024/2.jpg", "photos/iris/1.jpg", "photos/rose"]
    (tmp_path / "a.tar").write_bytes(make_tar(dict.fromkeys(names[:3], b"...") | {names[3]: FOLDER}))
    assert list(classes_by_name(find(tmp_path / "a.tar")).values()) == ["rose", "rose", "iris"]


def test_files_alike_up_to_the_first_dot_are_a_sample_wherever_they_stand(tmp_path, make_tar):
    members = {"x/1.seg.png": b"mask", "x/2.JPG": b"two", "x/1.cls": b"a", "x/1.jpg": b"one", "x/2.cls": b"b"}
    members |= {"x/._1.jpg": b"mac", "README": b"hello", "x/3.txt": b"alone"}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    found = find(tmp_path / "a.tar")
    assert classes_by_name(found) == {"a/x/1.jpg": "a", "a/x/2.JPG": "b"}
    assert [found.source.open(index) for index in range(2)] == [b"one", b"two"]


def test_a_class_without_its_picture_is_left_out_with_the_reason(tmp_path, make_tar):
    (tmp_path / "a.tar").write_bytes(make_tar({"1.cls": b"a", "2.cls": b"a", "2.jpg": b""}))
    source = find(tmp_path / "a.tar").source
    with pytest.raises(PictureError, match="no picture in its sample"):
        source.open(0)
    with pytest.raises(PictureError, match="empty file"):
        open_picture(source.open(1), SIZE)


def test_bad_pictures_are_left_out(tmp_path, encoded, make_tar):
    members = {f"{n}.png": encoded(n) for n in range(6)} | {f"{n}.cls": b"ab"[n % 2 :][:1] * 2 for n in range(6)}
    members["3.png"] = members["3.png"][:60]
    members["4.png"] = b"words"
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    pack = Dataset.open(tmp_path / "a.tar").pack(SIZE)
    assert [left.name for left in pack.left_out] == ["a/3.png", "a/4.png"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "holds no pictures: expected tar shards with samples such as 0001.jpg"),
        ({"1.txt": b"..."}, "holds no pictures"),
        ({"1.jpg": b"..."}, r"1\.jpg has no class: expected 1\.cls or \.json"),
        ({"1.jpg": b"...", "1.cls": b""}, r"a\.tar, 1\.cls: no class"),
        ({"1.jpg": b"...", "1.cls": b"NaN"}, r"a\.tar, 1\.cls: its class is NaN"),
        ({"1.jpg": b"...", "1.json": b'{"label": NaN}'}, r"a\.tar, 1\.json: its class is NaN"),
        ({"1.jpg": b"...", "1.json": b'{"label": 0.5}'}, r"1\.json: its class is 0\.5: expected a text or a whole"),
        ({"1.jpg": b"...", "1.json": b'{"label": true}'}, "its class is True"),
        ({"1.jpg": b"...", "1.json": b'{"label": null}'}, "no class"),
        ({"1.jpg": b"...", "1.json": b'{"label": ["a"]}'}, r"its class is \['a'\]"),
        ({"1.jpg": b"...", "1.json": b"{"}, r"a\.tar, 1\.json: Expecting"),
        ({"1.jpg": b"...", "1.cls": b"1", "2.jpg": b"...", "2.cls": b"1.0"}, "the classes '1' and '1.0', one number"),
        ({"1.jpg": b"...", "1.cls": b"aa", "2.jpg": b"..."}, r"1 of 2 samples have no class, such as 2\.jpg"),
        ({"1.jpg": b"...", "1.png": b"...", "1.cls": b"aa"}, r"1 has several pictures, \.jpg and \.png: expected one"),
        ({"/etc/1.jpg": b"..."}, "not to be trusted: its member '/etc/1.jpg' leads out of it"),
        ({"a/../../1.jpg": b"..."}, r"its member 'a/\.\./\.\./1\.jpg' leads out"),
        ({"a\\..\\1.jpg": b"..."}, "leads out"),
        ({"C:/1.jpg": b"..."}, "leads out"),
        (
            {"a/1.jpg": LINK},
            r"'a/1\.jpg' is a link, not a file: pack it anew with tar --dereference",
        ),
        ({"a/1.jpg": HARD_LINK}, "is a link"),
        ({"a/1.jpg": DEVICE}, r"its member 'a/1\.jpg' is no plain file"),
        ({"a/1.jpg": PIPE}, "is no plain file"),
        ([("a/1.jpg", b"..."), ("a/1.jpg", b"...")], r"a/1\.jpg is in it twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, make_tar, members, words):
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    with pytest.raises(DataError, match=words) as problem:
        find(tmp_path / "a.tar")
    assert "a.tar" in str(problem.value)


def test_wherever_a_shard_is_cut_off_it_is_refused(tmp_path, samples):
    whole = samples(range(3))
    used = max(index for index, byte in enumerate(whole) if byte) // 512 * 512 + 512
    for length in [*range(0, used, 256), used]:
        (tmp_path / "a.tar").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.tar is .*(no tar file|cut off).* byte [\d,]+"):
            find(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(whole[: used + 512])
    assert len(find(tmp_path / "a.tar").labels) == 3


def test_a_damaged_header_is_refused_with_its_place(tmp_path, samples):
    whole = bytearray(samples(range(3)))
    place = whole.index(b"00001.png")
    whole[place + 20] = 1
    (tmp_path / "a.tar").write_bytes(whole)
    with pytest.raises(DataError, match=rf"a\.tar is damaged at byte {place:,}: fetch it again"):
        find(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
def test_a_compressed_tar_is_refused_with_the_remedy(tmp_path, name):
    with tarfile.open(tmp_path / name, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"is compressed, so that .* unpack it with gunzip"):
        find(tmp_path / name)


def test_something_else_is_no_tar(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    with pytest.raises(DataError, match=r"a\.tar is no tar file"):
        find(tmp_path / "a.tar")


def test_long_and_strange_names_are_read(tmp_path, noise, encoded):
    stream = io.BytesIO()
    names = ["菊花/" + "x" * 150 + ".png", "a b/" + "🌼" * 40 + ".png"]
    for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(fileobj=stream, mode="w", format=style) as tar:
            for number, name in enumerate(names):
                member = tarfile.TarInfo(name)
                member.size = len(encoded(number))
                tar.addfile(member, io.BytesIO(encoded(number)))
        (tmp_path / "a.tar").write_bytes(stream.getvalue())
        found = find(tmp_path / "a.tar")
        assert list(found.source.names) == [f"a/{name}" for name in names]
        np.testing.assert_array_equal(open_picture(found.source.open(1), SIZE), noise(1))
        stream.seek(0)
        stream.truncate()


def test_a_shard_that_shrinks_while_it_is_read_is_an_error(tmp_path, samples):
    place = tmp_path / "a.tar"
    place.write_bytes(samples(range(3)))
    source = find(place).source
    place.write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.tar was changed while it was being read"):
        source.open(2)
    place.unlink()
    with pytest.raises(DataError, match=r"a\.tar cannot be read: No such file"):
        source.open(2)


def test_the_stamp_of_a_picture_changes_with_its_shard(tmp_path, samples):
    (tmp_path / "a.tar").write_bytes(samples(range(2)))
    (tmp_path / "b.tar").write_bytes(samples(range(2)))
    first = find(tmp_path).source
    (tmp_path / "b.tar").write_bytes(samples(range(1, 3)))
    second = find(tmp_path).source
    assert [first.stamp(index) == second.stamp(index) for index in range(4)] == [True, True, False, False]
    assert len({first.stamp(index) for index in range(4)}) == 4


def test_shards_of_strange_names_are_told_apart(tmp_path, samples):
    for name in ("a?1.tar", "a?2.tar"):
        (tmp_path / name).write_bytes(samples(range(2)))
    assert len(set(find(tmp_path).source.names)) == 4


def test_progress_counts_and_memory_is_flat(tmp_path, make_tar):
    """Two thousand pictures of 20 kB are 40 MB; what is held of them is their place."""
    members = {f"x/{number}.jpg": bytes(20_000) for number in range(2_000)}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    del members
    counts: list[int] = []
    gc.collect()
    tracemalloc.start()
    found = find(tmp_path / "a.tar", counts.append)
    for index in range(2_000):
        found.source.open(index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts == [1_000, 2_000, 2_000]
    assert peak < 20_000_000


def test_a_run_reads_shards(tmp_path, samples):
    (tmp_path / "flowers-train-0.tar").write_bytes(samples(range(20)))
    (tmp_path / "flowers-val-0.tar").write_bytes(samples(range(20, 30)))
    dataset = Dataset.open(tmp_path / "flowers-{train,val}-0.tar")
    assert dataset.classes == ("blue", "red")
    assert dataset.sides.tolist() == [0] * 20 + [1] * 10
    assert dataset.typical_side() == 10
    assert not dataset.pack(SIZE).left_out


def test_a_reader_of_json_of_any_size_is_bounded(tmp_path, make_tar):
    big = json.dumps({"label": "a", "noise": "x" * (1 << 24)}).encode()
    (tmp_path / "a.tar").write_bytes(make_tar({"1.jpg": b"...", "1.json": big}))
    with pytest.raises(DataError, match=r"1\.json is 16,777,\d+ bytes long, too much for a class"):
        find(tmp_path / "a.tar")
