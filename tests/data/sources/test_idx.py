import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.sources.find import find_images
from eyebright.system.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), np.uint8)
LABELS = np.array([3, 0, 9, 3, 3, 0, 9], np.uint8)


def idx(values: np.ndarray) -> bytes:
    """Written out from the format's description: two zeros, 8 for bytes, the dimensions, high byte first."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def pair(folder: Path, prefix: str = "sample-", *, packed: bool = False, images=IMAGES, labels=LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    end = ".gz" if packed else ""
    write = gzip.compress if packed else bytes
    (folder / f"{prefix}labels-idx1-ubyte{end}").write_bytes(write(idx(labels)))
    file = folder / f"{prefix}images-idx3-ubyte{end}"
    file.write_bytes(write(idx(images)))
    return file


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_images_and_labels_are_read_as_written(tmp_path, packed, whole_folder):
    file = pair(tmp_path / "mnist", packed=packed)
    found = find_images(file.parent if whole_folder else file)
    assert found.classes == ("0", "3", "9")
    assert [int(found.classes[label]) for label in found.labels] == LABELS.tolist()
    assert found.sides is None
    for index, image in enumerate(IMAGES):
        assert np.array_equal(found.source.open(index), image)


@pytest.mark.parametrize("packed", [False, True])
def test_images_of_a_replaced_file_are_packed_again(tmp_path, packed):
    pair(tmp_path / "mnist", "train-", packed=packed)
    last = pair(tmp_path / "mnist", "t10k-", packed=packed)
    preparation = Preparation(width=6, height=5)
    Dataset.open(tmp_path / "mnist").pack(preparation)
    after = last.stat().st_mtime_ns + 1_000_000_000
    pair(tmp_path / "mnist", "t10k-", packed=packed, images=IMAGES[::-1])
    os.utime(last, ns=(after, after))
    found = Dataset.open(tmp_path / "mnist").pack(preparation).read(range(14))
    assert np.array_equal(found[:7, :, :, 0], IMAGES[::-1])  # t10k comes before train
    assert np.array_equal(found[7:, :, :, 0], IMAGES)


def test_classes_txt_names_the_classes(tmp_path):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "classes.txt").write_text("zero\n\n\nAnkle boot\n\n\n\n\n\n 雏菊 \n", encoding="utf-8")
    for place in (file, file.parent):
        found = find_images(place)
        assert found.classes == ("Ankle boot", "zero", "雏菊")
        wanted = {0: "zero", 3: "Ankle boot", 9: "雏菊"}
        assert [found.classes[label] for label in found.labels] == [wanted[label] for label in LABELS.tolist()]


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (b"a\nb\nc\nd", "has no name for label 9: expected one name per line"),
        (b"a\n\n\nb\n\n\n\n\nc\n", "has no name for label 9"),
        (b"a\n\n\n\n\n\n\n\n\nb", "has no name for label 3"),
        (b"a\n\n\nb\n\n\n\n\n\nb", "gives label 9 the name 'b' of another label"), (b"\xff\n", "cannot be read"),
    ],
)  # fmt: skip
def test_an_invalid_classes_txt_is_refused(tmp_path, listing, words):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "classes.txt").write_bytes(listing)
    with pytest.raises(DataError, match=words):
        find_images(file)


def test_file_names_give_the_splits(tmp_path):
    pair(tmp_path / "mnist", "train-", packed=True)
    pair(tmp_path / "mnist", "t10k-", packed=True, images=IMAGES[:2], labels=LABELS[:2])
    found = find_images(tmp_path / "mnist")
    assert found.sides == ["test"] * 2 + ["train"] * 7
    assert np.array_equal(found.source.open(1), IMAGES[1]) and np.array_equal(found.source.open(2), IMAGES[0])
    assert len(set(found.source.names)) == 9


def test_grey_images_are_prepared_in_colour(tmp_path):
    dataset = Dataset.open(pair(tmp_path / "mnist"))
    pack = dataset.pack(Preparation(width=6, height=5))
    assert np.array_equal(pack.read([4]), np.repeat(IMAGES[4][None, ..., None], 3, axis=3))


def test_a_real_sample_is_read(real_pictures):
    found = find_images(real_pictures / "fashion" / "sample-images-idx3-ubyte.gz")
    assert (len(found.labels), len(found.classes)) == (900, 10)
    assert np.asarray(found.source.open(0)).shape == (28, 28)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not an IDX file of 3 dimension.* expected 00 00 08 03 at its start, got nothing"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "expected 00 00 08 03 at its start, got 89 50 4e 47"),
        (idx(IMAGES)[:-1], "is damaged: it has 225 bytes, expected 226 by its header; download it again"),
        (idx(IMAGES) + b"x", "it has 227 bytes, expected 226"),
        (idx(IMAGES.astype(np.uint8)[:0]), "empty or damaged"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "empty or damaged"),
        (idx(IMAGES[:6]), "sample has 6 images but 7 labels: expected one label per image"),
        (gzip.compress(idx(IMAGES))[:-9], "is damaged|cannot be read"),
        (gzip.compress(idx(IMAGES)[:-3]), "it holds 207 bytes, expected 210 by its header"),
        (gzip.compress(idx(IMAGES) + b"more"), "it holds more than 210 bytes"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, words):
    file = pair(tmp_path / "mnist")
    file.write_bytes(content)
    with pytest.raises(DataError, match=words) as problem:
        find_images(file)
    assert file.name.split("-")[0] in str(problem.value)


def test_a_missing_file_of_labels_is_named(tmp_path):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "sample-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"sample-labels-idx1-ubyte is missing: IDX files come in pairs"):
        find_images(file)
