import contextlib
import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from eyebright.data.published.unpack import unpack
from eyebright.system.errors import DataError

GOOD = {"set/a/1.jpg": b"first", "set/b/2.jpg": b"second", "set/b/empty.txt": b""}
OUTSIDE = [
    "../escaped", "a/../../escaped", "/escaped", "a/..", "..", "C:/escaped", "..\\escaped", "a/nul.txt",
    "a/line\nbreak", "a/trailing. ", "a/aux",
]  # fmt: skip


def make_tar(path: Path, members: list[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            if info.isreg():
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def make_zip(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content, compress_type=zipfile.ZIP_DEFLATED)
    return path


def of_type(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


MAKERS = {
    "tgz": make_tar,
    "tar": lambda path, members: make_tar(path, members, "w"),
    "zip": make_zip,
}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "deep" / "inside"
    place.mkdir(parents=True)
    return place


def assert_refused(archive: Path, folder: Path, words: str, **limits: int) -> None:
    """The archive is refused, and nothing is written outside the folder."""
    before = {path for path in archive.parent.rglob("*") if not path.is_relative_to(folder)}
    with pytest.raises(DataError, match=rf"{archive.name} cannot be unpacked: .*{words}"):
        unpack(archive, folder, **limits)
    assert {path for path in archive.parent.rglob("*") if not path.is_relative_to(folder)} == before


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_is_unpacked_byte_for_byte_and_reported(tmp_path, folder, kind):
    reports = []
    archive = MAKERS[kind](tmp_path / "archive", list(GOOD.items()))
    unpack(archive, folder, most_bytes=11, most_members=3, report=lambda *call: reports.append(call))
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == GOOD
    assert reports == [("unpacking", 5, None), ("unpacking", 11, None)]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path, folder, kind, name):
    assert_refused(MAKERS[kind](tmp_path / "archive", [(name, b"x")]), folder, "is not a valid path inside a folder")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "set/a"), (tarfile.CHRTYPE, ""), (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""), (tarfile.GNUTYPE_SPARSE, ""),
    ],
)  # fmt: skip
def test_links_devices_and_sparse_files_are_refused(tmp_path, folder, kind, target):
    info = of_type("set/strange", kind, target)
    if kind == tarfile.GNUTYPE_SPARSE:
        archive = tmp_path / "archive"
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        block[483:495] = b"00000000000\0"
        block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:512]) + 8 * 32)
        archive.write_bytes(bytes(block) + bytes(1024))
    else:
        archive = make_tar(tmp_path / "archive", [(info, b"")])
    assert_refused(archive, folder, "'set/strange' is a (link|device)")


@pytest.mark.parametrize(("mode", "what"), [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device")])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, folder, mode, what):
    info = zipfile.ZipInfo("set/strange")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    assert_refused(make_zip(tmp_path / "archive", [(info, b"/etc/passwd")]), folder, f"'set/strange' is {what}")


def test_a_path_through_an_earlier_link_is_refused_at_the_link(tmp_path, folder):
    members = [(of_type("set/out", tarfile.SYMTYPE, str(tmp_path)), b""), ("set/out/escaped", b"x")]
    assert_refused(make_tar(tmp_path / "archive", members), folder, "'set/out' is a link")


@pytest.mark.parametrize("kind", MAKERS)
def test_more_bytes_or_members_than_allowed_are_refused(tmp_path, folder, kind):
    archive = MAKERS[kind](tmp_path / "archive", [("bomb", bytes(5_000_000))])
    assert_refused(archive, folder, "it unpacks to more than 4,999,999 bytes", most_bytes=4_999_999)
    (folder / "bomb").unlink()
    unpack(archive, folder, most_bytes=5_000_000)
    many = MAKERS[kind](tmp_path / "many", [(f"f/{n}", b"") for n in range(11)])
    assert_refused(many, folder, "it has more than 10 members", most_members=10)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path, folder):
    archive = make_zip(tmp_path / "archive", [("bomb", bytes(3_000_000))])
    content = archive.read_bytes().replace((3_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(content)
    assert_refused(archive, folder, "", most_bytes=1_000_000)
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 1_000_000


def test_a_header_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path, folder):
    info = of_type("pax", tarfile.XHDTYPE)
    info.size = 1 << 33
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    assert_refused(archive, folder, "one of its headers has 8,589,934,592 bytes, more than 1,048,576")


def test_headers_that_add_up_to_more_than_allowed_are_refused(tmp_path, folder):
    info = of_type("pax", tarfile.XHDTYPE)
    info.size = 900_000
    block = info.tobuf(tarfile.GNU_FORMAT) + b"899999 comment=".ljust(899_999, b"x") + b"\n".ljust(97, b"\0")
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(block * 3))
    assert_refused(
        archive, folder, "with headers it unpacks to more than 1,081,920 bytes", most_bytes=1_000_000, most_members=10
    )


def test_headers_nested_without_end_are_refused(tmp_path, folder):
    header = of_type("long", tarfile.GNUTYPE_LONGNAME)
    header.size = 5
    block = header.tobuf(tarfile.GNU_FORMAT) + b"name\0".ljust(512, b"\0")
    (tmp_path / "archive").write_bytes(gzip.compress(block * 5000))
    assert_refused(tmp_path / "archive", folder, "")


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("second", ["set/a", "set/a/below"])
def test_two_members_with_one_path_are_refused(tmp_path, folder, kind, second):
    is_warned = kind == "zip" and second == "set/a"
    with pytest.warns(UserWarning, match="Duplicate") if is_warned else contextlib.nullcontext():
        archive = MAKERS[kind](tmp_path / "archive", [("set/a", b"1"), (second, b"2")])
    assert_refused(archive, folder, "two members have the path '(a|below)'")
    assert (folder / "set" / "a").read_bytes() == b"1"


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_that_is_cut_off_is_refused(tmp_path, folder, kind):
    whole = MAKERS[kind](tmp_path / "whole", [("set/noise", os.urandom(5000))]).read_bytes()
    for length in (0, 3, 100, 700, 4000):
        archive = tmp_path / f"cut{length}"
        archive.write_bytes(whole[:length])
        assert_refused(archive, folder, "")
        for path in folder.rglob("noise"):
            path.unlink()


def test_a_file_of_another_kind_is_refused(tmp_path, folder):
    (tmp_path / "archive").write_bytes(b"<html>not found</html>" * 100)
    assert_refused(tmp_path / "archive", folder, "")
