from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.sources.source import ArraySource
from eyebright.data.split_file import read_split, to_csv
from eyebright.runs import audit, train
from eyebright.system import files
from eyebright.system.errors import DataError, OutputError, SettingsError


def landscape(seed: int) -> Image.Image:
    """Large shapes of chance, which no other seed gives."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize((90, 90), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 30; each tenth picture of the first is there once more, mirrored."""
    for number in range(60):
        place = tmp_path / "pictures" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        landscape(number).save(place / f"{number:02d}.png")
    for number in (0, 20, 40):
        mirrored = landscape(number).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mirrored.save(tmp_path / "pictures" / "a" / f"{number:02d}_again.jpg", quality=90)
    (tmp_path / "pictures" / "b" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "pictures"


def test_copies_are_found_told_and_never_torn(folder: Path) -> None:
    found = audit.audit(folder)
    near = {finding.pictures for finding in found.audit.of("near copies")}
    assert near == {(f"a/{number:02d}.png", f"a/{number:02d}_again.jpg") for number in (0, 20, 40)}
    assert [finding.pictures for finding in found.audit.of("unreadable")] == [("b/broken.jpg",)]
    for seed in range(5):
        dataset = Dataset.open(folder, seed=seed)
        pack = dataset.pack(Preparation(width=16, height=16))
        audit.keep_together(dataset, pack)
        sides = dict(zip(dataset.source.names, dataset.split(pack).tolist(), strict=True))
        assert all(sides[f"a/{number:02d}.png"] == sides[f"a/{number:02d}_again.jpg"] for number in (0, 20, 40))


def test_empty_folders_hold_nothing_to_audit(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"no images in the folders of .*pictures"):
        audit.audit(tmp_path / "pictures")


def test_the_leak_of_a_random_split_is_counted() -> None:
    """Ten pictures of each class, every one of them twice: whoever is asked has most likely been learned."""
    pixels = [np.asarray(landscape(number)) for number in range(20) for _ in range(2)]
    dataset = Dataset.from_arrays(pixels, [number % 2 for number in range(20) for _ in range(2)], ["a", "b"])
    pack = dataset.pack(Preparation(width=16, height=16))
    assert audit.naive_leak(dataset, pack) >= 0.5
    single = Dataset.from_arrays(pixels[::2], [number % 2 for number in range(20)], ["a", "b"])
    assert audit.naive_leak(single, single.pack(Preparation(width=16, height=16))) == 0


def test_groups_that_are_given_stay_whole_and_are_joined_where_they_share_copies(folder: Path) -> None:
    """The copies of pictures 00, 20 and 40 are of other groups, or of none, and yet not torn from them."""
    torn = 0
    for seed in range(5):
        dataset = Dataset.open(folder, seed=seed, group_by=r"/(\d\d(?:_again)?)\.png|/(0)0_again")
        pack = dataset.pack(Preparation(width=16, height=16))
        given, alone = dataset.groups.copy(), dataset.split(pack)
        for _ in range(2):  # the second time there is nothing to do
            audit.keep_together(dataset, pack)
        name = {name: position for position, name in enumerate(dataset.source.names)}
        pairs = [(name[f"a/{number}.png"], name[f"a/{number}_again.jpg"]) for number in ("00", "20", "40")]
        assert [given[again] >= 0 for _, again in pairs] == [True, False, False]
        sides = dataset.split(pack)
        assert all(sides[one] == sides[again] for one, again in pairs)
        assert not audit.alike(dataset, pack).any()
        torn += sum(alone[one] != alone[again] for one, again in pairs)
        usable = pack.rows >= 0
        for number in set(given[usable & (given >= 0)].tolist()):
            assert len(set(sides[usable & (given == number)].tolist())) == 1
    assert torn  # without looking


def test_a_column_of_no_groups_is_as_good_as_none(folder: Path) -> None:
    plain, empty = Dataset.open(folder), Dataset.open(folder)
    empty.groups = np.full(len(empty), -1)
    for dataset in (plain, empty):
        audit.keep_together(dataset, dataset.pack(Preparation(width=16, height=16)))
    np.testing.assert_array_equal(plain.groups, empty.groups)


def test_what_was_found_is_kept_beside_the_pack_and_found_again(folder: Path, monkeypatch) -> None:
    seen: list[object] = []
    first = Dataset.open(folder)
    pack = first.pack(Preparation(width=16, height=16))
    audit.keep_together(first, pack, seen.append)
    assert {event.stage for event in seen} == {"comparing"} and seen[-1].done == seen[-1].of == (pack.rows >= 0).sum()
    monkeypatch.setattr(audit, "together", lambda *_, **__: pytest.fail("it was compared again"))
    again = Dataset.open(folder)
    audit.keep_together(again, again.pack(Preparation(width=16, height=16)))
    np.testing.assert_array_equal(again.groups, first.groups)
    assert (first.groups >= 0).sum() >= 6
    other = Dataset.open(folder, exclude={"a/02.png"})  # other pictures: it must look again
    with pytest.raises(pytest.fail.Exception):
        audit.keep_together(other, other.pack(Preparation(width=16, height=16)))


def test_nothing_is_written_among_the_pictures_or_over_what_is_there(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("mine")
    for place, words in (
        ("there.json", "already exists"),
        ("no/where.json", "the folder .*no does not exist"),
        ("pictures/a.json", "inside the folder of images"),
    ):
        with pytest.raises(OutputError, match=words):
            audit.require_free([tmp_path / place], folder, overwrite=False)
    before = {path: files.sha256(path) for path in folder.rglob("*") if path.is_file()}
    audit.audit(folder)
    assert {path: files.sha256(path) for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("given", [{"group_by": "a"}, {"split": "split.csv"}, {"exclude": {"a/00.png"}}])
def test_what_a_data_set_would_not_hear_is_refused(given: dict[str, object], folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"give them to Dataset\.open"):
        train.train(Dataset.open(folder), tmp_path / "run", **given)


def test_pictures_whose_like_is_learned_from_are_found_in_splits_that_are_given(tmp_path: Path) -> None:
    """Exact copies never are: they are left out of training. Of near ones, and of groups, those outside are meant."""
    pixels = [np.asarray(landscape(number)) for number in range(12)]
    again = [np.clip(pixels[number].astype(int) + 2, 0, 255).astype(np.uint8) for number in (0, 1, 2)] + [pixels[3]]
    sides = [*["train"] * 8, *["validation"] * 2, *["test"] * 2, "validation", "test", "train", "test"]
    images = [*pixels, *again]

    def found(**options: object) -> list[int]:
        dataset = Dataset(ArraySource(images), ["a", "b"], np.arange(len(images)) % 2, **options)
        return np.flatnonzero(audit.alike(dataset, dataset.pack(Preparation(width=16, height=16)))).tolist()

    assert found(sides=sides) == [12, 13]
    groups = [""] * 16
    groups[4] = groups[8] = "one track"
    assert found(sides=sides, groups=groups) == [12, 13]  # the split leaves the earlier one out
    every = np.array([["train", "validation", "test"].index(side) for side in sides])
    split = to_csv(ArraySource(images).names, np.arange(16) % 2, [b""] * 16, ["a", "b"], every)
    (tmp_path / "split.csv").write_bytes(split)
    assert found(fixed=read_split(tmp_path / "split.csv"), groups=groups) == [8, 12, 13]
    assert found() == []


def test_many_exact_copies_do_not_hide_a_near_one() -> None:
    random = np.random.default_rng(0)
    pixels = [np.asarray(landscape(number)) for number in range(12)]
    cropped = np.clip(pixels[0].astype(int)[5:, 4:] + random.integers(-40, 41, (85, 86, 3)), 0, 255).astype(np.uint8)
    for copies in (1, 6, 20):
        images = [*pixels, cropped, *[pixels[0]] * (copies - 1)]
        sides = [*["train"] * 8, "validation", "validation", "test", "test", "test", *["train"] * (copies - 1)]
        dataset = Dataset(ArraySource(images), ["a", "b"], np.arange(len(images)) % 2, sides=sides)
        found = audit.alike(dataset, dataset.pack(Preparation(width=16, height=16)))
        assert np.flatnonzero(found).tolist() == [12], copies


def test_copies_are_of_one_group_where_sides_are_given_but_no_reason_to_leave_a_picture_out() -> None:
    """Folds of a cross-validation and intervals must know of them."""
    pixels = [np.asarray(landscape(number)) for number in range(12)]
    images = [*pixels, np.ascontiguousarray(pixels[0][:, ::-1]), pixels[1]]
    sides = [*["train"] * 8, "validation", "validation", "test", "test", "validation", "train"]
    for groups in (None, ["", "", "g", "g", *[""] * 10]):
        dataset = Dataset(ArraySource(images), ["a", "b"], np.arange(14) % 2, sides=sides, groups=groups)
        pack = dataset.pack(Preparation(width=16, height=16))
        before = dataset.split(pack)
        audit.keep_together(dataset, pack)
        np.testing.assert_array_equal(dataset.split(pack), before)
        numbers = dataset.group_numbers
        assert numbers is not None and numbers[0] == numbers[12] and numbers[1] == numbers[13]
        assert len(set(numbers.tolist())) == 12 - (groups is not None)
