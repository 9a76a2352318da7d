import shutil
import subprocess
from pathlib import Path

import pytest

from eyebright.data.sources.find import find_images
from eyebright.data.sources.shard_paths import expand, is_pattern, is_shard, require_all_parts, shard_files
from eyebright.system.errors import DataError


@pytest.mark.parametrize(
    "pattern",
    [
        "a-{0..3}.tar",
        "a-{08..11}.tar",
        "a-{8..011}.tar",
        "a-{0..12}",
        "{a,b,c}-{1..2}.tar",
        "{x..y,z}",
        "{a,}.tar",
        "a.tar",
    ],
)
def test_patterns_are_expanded_as_in_a_shell(pattern):
    if (bash := shutil.which("bash")) is None:
        pytest.skip("bash is not installed")
    answer = subprocess.run([bash, "-c", f"echo {pattern}"], capture_output=True, text=True, check=True)
    assert expand(pattern) == answer.stdout.split()


@pytest.mark.parametrize("name", ["{abc}.tar", "a{}.tar", "a{1..}.tar", "a{1.2}.tar"])
def test_other_braces_are_part_of_a_name(name):
    assert expand(name) == [name]


def test_a_file_named_like_a_pattern_is_read(tmp_path, samples):
    (tmp_path / "a-{0..1}.tar").write_bytes(samples(range(2)))
    assert len(find_images(tmp_path / "a-{0..1}.tar").labels) == 2


def test_a_missing_shard_of_a_pattern_is_named(tmp_path, samples):
    for number in (0, 3):
        (tmp_path / f"a-{number}.tar").write_bytes(samples(range(2)))
    with pytest.raises(DataError, match=r"a-1\.tar is missing, as are 2 of the 4 files of .*a-\{0\.\.3\}\.tar"):
        find_images(tmp_path / "a-{0..3}.tar")


def test_a_folder_of_shards_may_have_folders_of_splits(tmp_path, samples):
    for side in ("train", "test"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "0.tar").write_bytes(samples(range(2) if side == "train" else range(2, 4)))
    found = find_images(tmp_path)
    assert found.sides == ["test", "test", "train", "train"]
    assert found.source.names[0] == "test/0/00002.png"


def test_a_folder_with_other_folders_has_no_shards(tmp_path):
    (tmp_path / "a.tar").touch()
    (tmp_path / ".hidden").mkdir()
    assert shard_files(tmp_path) == [tmp_path / "a.tar"]
    (tmp_path / "classes").mkdir()
    assert shard_files(tmp_path) == []


def test_a_tar_of_the_system_is_read(make_folder):
    if (tar := shutil.which("tar")) is None:
        pytest.skip("tar is not installed")
    root = make_folder({"a": 3, "b/deep": 2})
    subprocess.run([tar, "-C", root, "-cf", root.parent / "all.tar", "."], check=True)
    found = find_images(root.parent / "all.tar")
    by_name = {name: found.source.open(index) for index, name in enumerate(found.source.names)}
    assert by_name == {f"all/{path.relative_to(root)}": path.read_bytes() for path in Path(root).rglob("*.png")}
    assert [found.classes[label] for label in found.labels].count("b") == 2


@pytest.mark.parametrize("name", ["a.tar", "a.TAR", "a.tar.gz", "a.tgz", "a.tbz2", "https://x.org/a.tar?token=b.png"])
def test_names_of_tar_files_are_known(name):
    assert is_shard(name) and not is_pattern(name) and is_pattern(f"{{1..2}}{name}")


@pytest.mark.parametrize("name", ["a.png", "tar", "a.tar/b.png", "a.tar-old", "https://x.org/a.png?name=a.tar"])
def test_other_names_are_not_those_of_tar_files(name):
    assert not is_shard(name)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://bucket/none.tar", r"memory://bucket/none\.tar does not exist"),
        ("memory://bucket", r"memory://bucket contains no tar files \(\.tar\).*download it and give the folder"),
        ("memory://bucket/table.csv", "contains no tar files"),
        ("memory://bucket/a-{0..1}.csv", "is not a pattern of tar files: expected one such as memory://bucket/name-"),
        ("memory://bucket/a-{5..1}.tar", "means no files: write a range such as name-"),
        ("memory://bucket/a-{0..99999999}.tar", "means more than 100,000 files"),
        ("nosuch://bucket/a.tar", "nosuch://bucket/a.tar cannot be reached: .*nosuch"),
    ],
)
def test_addresses_without_shards_are_named(memory, address, words):
    memory.pipe("/bucket/table.csv", b"path,class\n")
    with pytest.raises(DataError, match=words):
        find_images(address)


@pytest.mark.parametrize("suffix", [".tar", "-1a2b.tar"])
def test_a_missing_shard_of_a_numbered_set_is_named(suffix):
    names = [f"train-0000{number}-of-00003{suffix}" for number in (0, 2)]
    with pytest.raises(DataError, match=r"^shards: 1 of 3 .* missing, such as train-00001-of-00003\.tar: download"):
        require_all_parts(names, "shards")
    require_all_parts([*names, names[0].replace("00000", "00001")], "shards")
    with pytest.warns(UserWarning, match=r"x/train-00000-of-00003\S*\.tar is one of 3 files"):
        require_all_parts(names[:1], f"x/{names[0]}")
