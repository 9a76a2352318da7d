"""What is in a tar shard, compared with what tarfile wrote."""

import gc
import io
import json
import tarfile
import tracemalloc

import pytest

from eyebright.data.sources.find import find_images
from eyebright.data.sources.ranged import LocalFile, RemoteFile
from eyebright.data.sources.shard_index import ShardSample, is_weak, scan_shard
from eyebright.system import cache
from eyebright.system.errors import DataError

LINK, HARD_LINK, DEVICE, PIPE, SPARSE = (
    kind.decode()
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE)
)


def scanned(path) -> list[ShardSample]:
    return scan_shard(LocalFile(path))


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({"cls": b"7\n"}, "7"),
        ({"cls": b" rose "}, "rose"),
        ({"json": b'{"label": "rose", "cls": 3}'}, "rose"),
        ({"json": b'{"cls": 3, "other": null}'}, "3"),
        ({"json": b'{"label": 1}', "cls": b"0"}, "0"),
        ({"cls": b"0", "json": b'{"label": 1}'}, "0"),
        ({"txt": b"a rose", "json": b'{"caption": "a rose"}'}, None),
        ({"json": b"[1, 2]"}, None),
        ({"json": b'{"score": NaN}'}, None),
        ({"json": b"{", "cls": b"rose"}, "rose"),
        ({}, None),
    ],
)
def test_the_label_comes_from_cls_or_json(tmp_path, make_tar, files, label):
    members = {"folder/1.jpg": b"..."} | {f"folder/1.{suffix}": content for suffix, content in files.items()}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    assert [(sample.name, sample.label) for sample in scanned(tmp_path / "a.tar")] == [("folder/1.jpg", label)]


def test_files_with_equal_names_up_to_the_first_dot_are_a_sample_in_any_order(tmp_path, make_tar):
    members = {"x/1.seg.png": b"mask", "x/2.JPG": b"two", "x/1.cls": b"a", "x/1.jpg": b"one", "x/2.cls": b"b"}
    members |= {"x/._1.jpg": b"mac", "README": b"hello", "x/3.txt": b"alone", "./x/4.mask.png": b"", "5.cls": b"c"}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    samples = scanned(tmp_path / "a.tar")
    assert [(sample.name, sample.label) for sample in samples] == [
        ("x/1.jpg", "a"), ("x/2.JPG", "b"), ("x/4.mask.png", None), ("5", "c"),
    ]  # fmt: skip
    whole = (tmp_path / "a.tar").read_bytes()
    assert [whole[sample.offset :][: sample.size] for sample in samples[:3]] == [b"one", b"two", b""]
    assert samples[3][1:3] == (-1, 0)


def test_long_names_and_names_in_any_script_are_read(tmp_path):
    names = ["菊花/" + "x" * 150 + ".png", "a b/" + "🌼" * 40 + ".png"]
    for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", mode="w", format=style) as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(name)
                tar.addfile(member, io.BytesIO(name.encode()))
        whole = (tmp_path / "a.tar").read_bytes()
        samples = scanned(tmp_path / "a.tar")
        assert [sample.name for sample in samples] == names
        assert whole[samples[1].offset :].startswith("a b/🌼".encode())


def test_a_stamp_is_weak_if_a_server_reports_only_the_size(tmp_path):
    far = RemoteFile("memory://a.tar", None, "a.tar")
    assert is_weak(far, "1024") and not is_weak(far, "1024 etag") and not is_weak(LocalFile(tmp_path), "1024")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"1.jpg": b"...", "1.cls": b""}, r"a\.tar, 1\.cls: missing class"),
        ({"1.jpg": b"...", "1.json": b'{"label": 0.5}'}, r"1\.json: invalid class 0\.5: expected a text or a whole"),
        ({"1.jpg": b"...", "1.json": b"{"}, r"a\.tar, 1\.json: Expecting"),
        ({"1.jpg": b"...", "1.png": b"...", "1.cls": b"aa"}, r"1 has several images \(\.jpg and \.png\)"),
        ({"1.seg.png": b"...", "1.mask.png": b"..."}, r"several images \(\.mask\.png and \.seg\.png\)"),
        ({"/etc/1.jpg": b"..."}, "is not safe: the path of its member '/etc/1.jpg' leads out of the archive"),
        ({"a/../../1.jpg": b"..."}, r"its member 'a/\.\./\.\./1\.jpg' leads out"),
        ({"a\\..\\1.jpg": b"..."}, "leads out"),
        ({"C:/1.jpg": b"..."}, "leads out"),
        (
            {"a/1.jpg": LINK},
            r"'a/1\.jpg' is a link, not a file: create the archive again with tar --dereference",
        ),
        ({"a/1.jpg": HARD_LINK}, "is a link"),
        ({"a/1.jpg": DEVICE}, r"its member 'a/1\.jpg' is not a regular file"),
        ({"a/1.jpg": PIPE}, "is not a regular file"),
        ({"a/1.jpg": SPARSE}, "is not a regular file"),
        ([("a/1.jpg", b"..."), ("a/1.jpg", b"...")], r"a\.tar contains a/1\.jpg twice"),
    ],
)
def test_invalid_members_are_named(tmp_path, make_tar, members, words):
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    with pytest.raises(DataError, match=words) as problem:
        scanned(tmp_path / "a.tar")
    assert "a.tar" in str(problem.value)


def test_a_shard_that_is_cut_off_anywhere_is_refused(tmp_path, samples):
    whole = samples(range(3))
    used = max(index for index, byte in enumerate(whole) if byte) // 512 * 512 + 512
    for length in [*range(0, used, 256), used]:
        (tmp_path / "a.tar").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.tar is .*(not a tar file|cut off).* byte [\d,]+"):
            scanned(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(whole[: used + 512])
    assert len(scanned(tmp_path / "a.tar")) == 3


def test_a_damaged_header_is_refused_with_its_position(tmp_path, samples):
    whole = bytearray(samples(range(3)))
    place = whole.index(b"00001.png")
    whole[place + 20] = 1
    (tmp_path / "a.tar").write_bytes(whole)
    with pytest.raises(DataError, match=rf"a\.tar is damaged at byte {place:,}: download it again"):
        scanned(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
def test_a_compressed_tar_is_refused_with_the_command_to_decompress_it(tmp_path, name):
    with tarfile.open(tmp_path / name, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"is compressed, so that .* decompress it with gunzip"):
        scanned(tmp_path / name)


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    with pytest.raises(DataError, match=r"a\.tar is not a tar file"):
        scanned(tmp_path / "a.tar")


def test_a_json_that_is_too_large_is_refused(tmp_path, make_tar):
    big = json.dumps({"label": "a", "noise": "x" * (1 << 24)}).encode()
    (tmp_path / "a.tar").write_bytes(make_tar({"1.jpg": b"...", "1.json": big}))
    with pytest.raises(DataError, match=r"1\.json has 16,777,\d+ bytes, expected a class in at most 16,777,216"):
        scanned(tmp_path / "a.tar")


def test_memory_does_not_grow_with_the_members_of_a_shard(tmp_path, make_tar):
    (tmp_path / "a.tar").write_bytes(make_tar({f"without_suffix_{number}": b"" for number in range(3_000)}))
    gc.collect()
    tracemalloc.start()
    assert scanned(tmp_path / "a.tar") == []
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_a_shard_cut_off_at_an_address_is_refused(memory, samples):
    memory.pipe("/a.tar", samples(range(3))[:2000])
    with pytest.raises(DataError, match=r"memory://a\.tar is .*cut off after byte 1,536"):
        find_images("memory://a.tar")


def test_a_shard_at_an_address_is_scanned_once_while_it_does_not_change(serve, served, tmp_path, samples, own_cache):
    address, server = serve()
    served()
    first = find_images(f"{address}/train-0.tar")
    server.failures = 1_000  # from here on no part of a file is given
    again = find_images(f"{address}/train-0.tar?token=other")
    assert list(again.source.names) == list(first.source.names) and list(again.labels) == list(first.labels)
    assert again.source.identity == first.source.identity
    assert [entry.about for entry in cache.entries()] == [f"{address}/train-0.tar"]
    server.failures = 0
    assert again.source.open(3) == first.source.open(3)
    next((own_cache / "shards").glob("*/*.json")).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="json is damaged on the disk"):
        assert list(find_images(f"{address}/train-0.tar").source.names) == list(first.source.names)
    (tmp_path / "served" / "train-0.tar").write_bytes(samples(range(50, 54)))
    assert len(find_images(f"{address}/train-0.tar").labels) == 4


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_refused_unread(tmp_path, kind):
    header = tarfile.TarInfo("huge")
    header.type, header.size = kind, 1 << 31
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 32)  # a sparse file: as many bytes as the header says are there
    with pytest.raises(DataError, match=r"a\.tar is not safe: one of its headers has 2,147,483,648 bytes, expected at"):
        scanned(tmp_path / "a.tar")
