import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.sources.find import find
from eyebright.system.errors import DataError

PICTURES = np.random.default_rng(0).integers(0, 256, (7, 5, 6), np.uint8)
LABELS = np.array([3, 0, 9, 3, 3, 0, 9], np.uint8)


def idx(values: np.ndarray) -> bytes:
    """Written out from the format's description: two zeros, 8 for bytes, the dimensions, high byte first."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


def pair(folder: Path, prefix: str = "sample-", *, packed: bool = False, pictures=PICTURES, labels=LABELS) -> Path:
    folder.mkdir(exist_ok=True)
    end = ".gz" if packed else ""
    write = gzip.compress if packed else bytes
    (folder / f"{prefix}labels-idx1-ubyte{end}").write_bytes(write(idx(labels)))
    file = folder / f"{prefix}images-idx3-ubyte{end}"
    file.write_bytes(write(idx(pictures)))
    return file


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_pictures_and_labels_come_as_they_were_written(tmp_path, packed, whole_folder):
    file = pair(tmp_path / "mnist", packed=packed)
    found = find(file.parent if whole_folder else file)
    assert found.classes == ("0", "3", "9")
    assert [int(found.classes[label]) for label in found.labels] == LABELS.tolist()
    assert found.sides is None
    for index, picture in enumerate(PICTURES):
        assert np.array_equal(found.source.open(index), picture)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_replaced_in_place_is_not_taken_from_the_pack(tmp_path, packed):
    pair(tmp_path / "mnist", "train-", packed=packed)
    last = pair(tmp_path / "mnist", "t10k-", packed=packed)
    preparation = Preparation(width=6, height=5)
    Dataset.open(tmp_path / "mnist").pack(preparation)
    after = last.stat().st_mtime_ns + 1_000_000_000
    pair(tmp_path / "mnist", "t10k-", packed=packed, pictures=PICTURES[::-1])
    os.utime(last, ns=(after, after))
    found = Dataset.open(tmp_path / "mnist").pack(preparation).read(range(14))
    assert np.array_equal(found[:7, :, :, 0], PICTURES[::-1])  # t10k comes before train
    assert np.array_equal(found[7:, :, :, 0], PICTURES)


def test_a_list_beside_the_files_names_the_classes(tmp_path):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "classes.txt").write_text("zero\n\n\nAnkle boot\n\n\n\n\n\n 雏菊 \n", encoding="utf-8")
    for place in (file, file.parent):
        found = find(place)
        assert found.classes == ("Ankle boot", "zero", "雏菊")
        wanted = {0: "zero", 3: "Ankle boot", 9: "雏菊"}
        assert [found.classes[label] for label in found.labels] == [wanted[label] for label in LABELS.tolist()]


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (b"a\nb\nc\nd", "does not name label 9"), (b"a\n\n\n\n\n\n\n\n\nb", "does not name label 3"),
        (b"a\n\n\nb\n\n\n\n\n\nb", "names label 3 and another one 'b'"), (b"\xff\n", "cannot be read"),
    ],
)  # fmt: skip
def test_a_list_that_does_not_fit_is_refused(tmp_path, listing, words):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "classes.txt").write_bytes(listing)
    with pytest.raises(DataError, match=words):
        find(file)


def test_names_of_sides_give_the_sides(tmp_path):
    pair(tmp_path / "mnist", "train-", packed=True)
    pair(tmp_path / "mnist", "t10k-", packed=True, pictures=PICTURES[:2], labels=LABELS[:2])
    found = find(tmp_path / "mnist")
    assert found.sides == ["test"] * 2 + ["train"] * 7
    assert np.array_equal(found.source.open(1), PICTURES[1]) and np.array_equal(found.source.open(2), PICTURES[0])
    assert len(set(found.source.names)) == 9


def test_grey_pictures_are_prepared_in_colour(tmp_path):
    dataset = Dataset.open(pair(tmp_path / "mnist"))
    pack = dataset.pack(Preparation(width=6, height=5))
    assert np.array_equal(pack.read([4]), np.repeat(PICTURES[4][None, ..., None], 3, axis=3))


def test_the_real_sample_is_that_of_its_folder(real_pictures):
    """The same pictures as files: a class of the folder is a label of the pair."""
    found = find(real_pictures / "fashion" / "sample-images-idx3-ubyte.gz")
    assert (len(found.labels), len(found.classes)) == (900, 10)
    assert np.asarray(found.source.open(0)).shape == (28, 28)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no IDX file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "begins with 89 50 4e 47, expected 00 00 08 03"),
        (idx(PICTURES)[:-1], "is 225 bytes long, its header says 226"),
        (idx(PICTURES) + b"x", "is 227 bytes long"),
        (idx(PICTURES.astype(np.uint8)[:0]), "empty or damaged"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "empty or damaged"),
        (idx(PICTURES[:6]), r"holds 6 pictures, sample-labels-idx1-ubyte 7 labels"),
        (gzip.compress(idx(PICTURES))[:-9], "is damaged|cannot be read"),
        (gzip.compress(idx(PICTURES)[:-3]), "holds 207 bytes where its header says 210"),
        (gzip.compress(idx(PICTURES) + b"more"), "holds more bytes"),
    ],
)
def test_what_is_broken_is_named(tmp_path, content, words):
    file = pair(tmp_path / "mnist")
    file.write_bytes(content)
    with pytest.raises(DataError, match=words) as problem:
        find(file)
    assert file.name.split("-")[0] in str(problem.value)


def test_labels_that_are_missing_are_named(tmp_path):
    file = pair(tmp_path / "mnist")
    (tmp_path / "mnist" / "sample-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"sample-labels-idx1-ubyte is missing: IDX files come in pairs"):
        find(file)
