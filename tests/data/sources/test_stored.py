import gzip
import io

import numpy as np
import pytest

from eyebright.data.sources.stored import StoredArray, StoredSource, images_of_arrays, unpack_to_cache
from eyebright.system.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6), np.uint8)


def test_images_of_several_arrays_are_numbered_through(tmp_path):
    parts = zip("xyz", (IMAGES[:2], IMAGES[:0], IMAGES[2:]), ("first", "second", "third"), strict=True)
    arrays = [StoredArray(title, images, ["a"] * len(images), None, stamp) for title, images, stamp in parts]
    source = StoredSource(tmp_path / "a.npz", arrays)
    assert source.names == ["x 0000000", "x 0000001", "z 0000000", "z 0000001", "z 0000002"]
    assert [source.stamp(index) for index in range(5)] == ["first"] * 2 + ["third"] * 3
    for index, image in enumerate(IMAGES):
        np.testing.assert_array_equal(source.open(index), image)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        (("train", "test"), ["train", "train", "test", "test", "test"]),
        (("train", None), None),
        (("validation", "test"), None),
        ((None, None), None),
    ],
)
def test_images_have_splits_if_each_array_has_one_and_one_is_the_training_set(tmp_path, sides, expected):
    first = StoredArray("x", IMAGES[:2], ["b", "a"], sides[0], "")
    second = StoredArray("y", IMAGES[2:], ["b", "c", "b"], sides[1], "")
    found = images_of_arrays(tmp_path, [first, second])
    assert (found.classes, found.labels) == (("a", "b", "c"), [1, 0, 1, 2, 1])
    assert (found.sides, found.origin) == (expected, tmp_path)


def test_each_image_needs_a_label(tmp_path):
    with pytest.raises(DataError, match=r"a\.npz: x has 5 images but 1 label: expected one label per image"):
        images_of_arrays(tmp_path / "a.npz", [StoredArray("x", IMAGES, ["a"], None, "")])


def test_one_byte_too_many_is_noticed_after_a_whole_number_of_reads(tmp_path):
    (tmp_path / "a.gz").write_bytes(b"")
    with pytest.raises(DataError, match="holds more than 1,048,576 bytes"):
        unpack_to_cache(tmp_path / "a.gz", "values", io.BytesIO(bytes((1 << 20) + 1)), 1 << 20)


def test_a_stream_is_unpacked_once_until_its_file_changes(tmp_path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"first"))
    with gzip.open(file) as stream:
        place = unpack_to_cache(file, "values", stream, 5)
    assert place.read_bytes() == b"first"
    assert unpack_to_cache(file, "values", io.BytesIO(b"never read"), 5) == place
    assert unpack_to_cache(file, "other", io.BytesIO(b"other"), 5).read_bytes() == b"other"
    file.write_bytes(gzip.compress(b"other file"))
    with gzip.open(file) as stream:
        assert unpack_to_cache(file, "values", stream, 10).read_bytes() == b"other file"


@pytest.mark.parametrize(("size", "words"), [(4, "holds more than 4 bytes, expected 4 by"), (6, "holds 5 bytes, exp")])
def test_a_stream_of_another_size_is_refused_and_leaves_nothing(tmp_path, own_cache, size, words):
    (tmp_path / "a.gz").write_bytes(b"")
    with pytest.raises(DataError, match=rf"a\.gz is damaged: it {words}.*download it again"):
        unpack_to_cache(tmp_path / "a.gz", "values", io.BytesIO(b"12345"), size)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]
