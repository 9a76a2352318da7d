import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyebright.data import prepare as module
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import find_sets, groups_of, labels_among, naive_leak, prepare, split
from eyebright.data.sources.source import ArraySource
from eyebright.data.split import LEFT_OUT, SIDES
from eyebright.data.split_file import SplitFile, read_split, to_csv
from eyebright.system.errors import DataError, OutputError

TRAIN, VALIDATION, TEST = range(3)
SQUARE = Preparation(width=16, height=16)


def landscape(seed: int) -> Image.Image:
    """Large random shapes; two seeds give images that are not near-duplicates."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize((90, 90), Image.Resampling.BICUBIC)


def landscapes(count: int) -> list[NDArray[np.uint8]]:
    return [np.asarray(landscape(number)) for number in range(count)]


def brighter(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A near-duplicate."""
    return np.clip(pixels.astype(int) + 2, 0, 255).astype(np.uint8)


def of_arrays(images: list[NDArray[np.uint8]], **options: object) -> Dataset:
    """Images of two classes in turn."""
    return Dataset(ArraySource(images), ["a", "b"], np.arange(len(images)) % 2, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 30 images, three mirrored near-duplicates of those in the first, and a file without an image."""
    for number in range(60):
        place = tmp_path / "landscapes" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        landscape(number).save(place / f"{number:02d}.png")
    for number in (0, 20, 40):
        mirrored = landscape(number).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mirrored.save(tmp_path / "landscapes" / "a" / f"{number:02d}_again.jpg", quality=90)
    (tmp_path / "landscapes" / "b" / "broken.jpg").write_bytes(b"words")
    return tmp_path / "landscapes"


def pairs_of(dataset: Dataset) -> list[tuple[int, int]]:
    """The positions of the three near-duplicates in `folder`, each with its original."""
    at = {name: position for position, name in enumerate(dataset.source.names)}
    return [(at[f"a/{number}.png"], at[f"a/{number}_again.jpg"]) for number in ("00", "20", "40")]


# --- prepare: the whole


def test_prepared_images_are_packed_labelled_grouped_and_split(folder: Path) -> None:
    dataset = Dataset.open(folder, validation=0.2, test=0.1)
    stages: list[str] = []
    prepared = prepare(dataset, SQUARE, report=lambda stage, done, of: stages.append(stage))
    assert prepared.dataset is dataset and prepared.pack.preparation == SQUARE
    np.testing.assert_array_equal(prepared.labels, dataset.labels)
    broken = dataset.source.names.index("b/broken.jpg")
    parts = [prepared.indices(side) for side in SIDES]
    assert sorted(np.concatenate(parts)) == [index for index in range(64) if index != broken]
    for own, share in zip(parts[1:], (0.2, 0.1), strict=True):
        assert len(own) == pytest.approx(63 * share, abs=3)  # by class, and near-duplicates stay together
    assert prepared.sides[broken] == LEFT_OUT and prepared.groups is not None
    for one, again in pairs_of(dataset):
        assert prepared.groups[one] == prepared.groups[again] and prepared.related[one] == prepared.related[again] >= 0
    assert (prepared.related >= 0).sum() == 6
    assert len(set(prepared.groups.tolist())) == 64 - 3  # every other image is a group of its own
    np.testing.assert_array_equal(prepared.groups_at(np.array([5, 1])), prepared.groups[[5, 1]])
    assert not prepared.leaking.any() and 0 <= prepared.naive_leak < 0.5
    assert list(dict.fromkeys(stages)) == ["preparing", "comparing"]


def test_near_duplicates_are_in_the_same_set_whatever_the_seed(folder: Path) -> None:
    for seed in range(5):
        prepared = prepare(Dataset.open(folder, seed=seed), SQUARE)
        assert all(prepared.sides[one] == prepared.sides[again] for one, again in pairs_of(prepared.dataset))


def test_too_few_images_are_refused_before_any_is_opened(noise: Callable, opened: list[object]) -> None:
    with pytest.raises(DataError, match="class 'b' has 2 images"):
        prepare(of_arrays([noise(number) for number in range(5)]), SQUARE)
    assert opened == []


def test_an_unknown_class_is_refused_before_any_image_is_opened(noise: Callable, opened: list[object]) -> None:
    with pytest.raises(DataError, match=r"that the model does not know: b; .*model are a, c: leave out"):
        prepare(of_arrays([noise(number) for number in range(8)]), SQUARE, classes=["a", "c"])
    assert opened == []


def test_labels_are_positions_among_the_classes_of_the_model(noise: Callable) -> None:
    dataset = of_arrays([noise(number) for number in range(8)])
    assert labels_among(dataset, ["c", "b", "a"]).tolist() == [2, 1] * 4
    prepared = prepare(dataset, SQUARE, classes=["c", "b", "a"])
    assert prepared.labels.tolist() == [2, 1] * 4
    np.testing.assert_array_equal(prepared.sides, prepare(dataset, SQUARE).sides)  # the classes do not change the split


def test_resizing_keeps_the_split_and_changes_the_pixels(folder: Path, opened: list[object]) -> None:
    prepared = prepare(Dataset.open(folder), SQUARE)
    opened.clear()
    assert prepared.resized(SQUARE) is prepared and opened == []
    stages: list[str] = []
    wide = prepared.resized(Preparation(width=20, height=10), lambda stage, done, of: stages.append(stage))
    assert wide.pack.read([0]).shape == (1, 10, 20, 3) and set(stages) == {"preparing"}
    for name in ("dataset", "labels", "sides", "groups", "related", "naive_leak"):
        assert getattr(wide, name) is getattr(prepared, name)


# --- the split


def sides_by_content(dataset: Dataset, preparation: Preparation) -> dict[bytes, str]:
    pack = dataset.pack(preparation)
    return dict(zip(pack.digests, (SIDES[side] for side in split(dataset, pack)), strict=True))


def test_shares_and_seed_decide_the_split(make_folder: Callable, preparation: Preparation) -> None:
    root = make_folder({"a": 40, "b": 20})
    first, same, other = (
        split(dataset, dataset.pack(preparation))
        for dataset in (Dataset.from_folder(root, seed=seed, validation=0.2, test=0.3) for seed in (1, 1, 2))
    )
    assert np.bincount(first[:40]).tolist() == [20, 8, 12]
    assert np.bincount(first[40:]).tolist() == [10, 4, 6]
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("count", "expected"),
    [(3, (2, 2)), (40, (20, 20))],  # one image of each class is the least; a quarter of 80
)
def test_other_shares_are_counted_without_changing_the_split(make_folder, preparation, count, expected) -> None:
    prepared = prepare(Dataset.from_folder(make_folder({"a": count, "b": count})), preparation)
    before = prepared.sides.copy()
    assert prepared.counts_with(0.25, 0.25) == expected
    np.testing.assert_array_equal(prepared.sides, before)


def test_other_shares_do_not_change_a_given_split(make_folder, preparation) -> None:
    dataset = Dataset.from_folder(
        make_folder({"train/a": 8, "train/b": 8, "val/a": 2, "val/b": 2, "test/a": 2, "test/b": 2})
    )
    assert prepare(dataset, preparation).counts_with(0.25, 0.25) == (4, 4)


def test_the_same_images_are_split_in_the_same_way_wherever_they_are(
    make_folder: Callable, preparation: Preparation, tmp_path: Path, noise: Callable
) -> None:
    first = make_folder({"a": 10, "b": 10})
    second = tmp_path / "moved"
    for path in first.glob("*/*"):
        (second / path.parent.name / "x").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, second / path.parent.name / "x" / f"{97 - int(path.stem) * 3}.jpeg")
    arrays = Dataset.from_arrays([noise(number) for number in range(20)], ["a"] * 10 + ["b"] * 10, seed=3)
    sides = sides_by_content(Dataset.from_folder(first, seed=3), preparation)
    assert sides_by_content(Dataset.from_folder(second, seed=3), preparation) == sides
    assert sides_by_content(arrays, preparation) == sides


def test_images_that_cannot_be_opened_are_in_no_set(make_folder: Callable, preparation: Preparation) -> None:
    root = make_folder({"a": 6, "b": 6})
    for number in range(3):
        (root / f"b/{number}.png").write_bytes(b"words")
    dataset = Dataset.from_folder(root)
    sides = split(dataset, dataset.pack(preparation))
    assert sides[6:9].tolist() == [LEFT_OUT] * 3
    assert sorted(sides[9:]) == [TRAIN, VALIDATION, TEST]


def test_half_of_the_validation_set_is_held_back_from_a_split_that_is_made_given_or_read_from_a_file(
    tmp_path: Path, make_folder: Callable, preparation: Preparation
) -> None:
    dataset = Dataset.from_folder(make_folder({"a": 40, "b": 40}), validation=0.2)
    without, held = prepare(dataset, preparation), prepare(dataset.holding_back(), preparation)
    assert len(without.indices("held_back")) == 0 and len(without.indices("validation")) == 16
    assert len(held.indices("held_back")) == len(held.indices("validation")) == 8
    assert np.array_equal(held.indices("train"), without.indices("train"))
    assert np.array_equal(held.indices("test"), without.indices("test"))
    assert sorted(dataset.labels[held.indices("held_back")].tolist()) == [0] * 4 + [1] * 4
    path = tmp_path / "split.csv"
    names, digests = dataset.source.names, held.pack.digests
    for sides in (held.sides, without.sides):
        path.write_bytes(to_csv(names, dataset.labels, digests, dataset.classes, sides))
        again = prepare(Dataset.open(tmp_path / "pictures", split=path).holding_back(), preparation)
        assert again.sides.tolist() == held.sides.tolist()
        unused = prepare(Dataset.open(tmp_path / "pictures", split=path), preparation)
        assert unused.sides.tolist() == without.sides.tolist()


def test_given_sides_are_kept_and_validation_comes_out_of_training(
    make_folder: Callable, preparation: Preparation
) -> None:
    root = make_folder({"train/a": 10, "train/b": 10, "test/a": 3, "test/b": 4})
    dataset = Dataset.from_folder(root, validation=0.2)
    sides = split(dataset, dataset.pack(preparation))
    places = np.array([Path(name).parts[0] for name in dataset.source.names])
    assert (sides[places == "test"] == TEST).all()
    assert np.bincount(sides[places == "train"]).tolist() == [16, 4]


def test_a_training_image_that_is_also_in_the_test_set_is_left_out(
    make_folder: Callable, preparation: Preparation
) -> None:
    root = make_folder({"train/a": 5, "train/b": 5, "test/a": 3, "test/b": 3})
    shutil.copy(root / "test/a/0.png", root / "train/b/leak.png")
    dataset = Dataset.from_folder(root)
    sides = dict(zip(dataset.source.names, split(dataset, dataset.pack(preparation)), strict=True))
    assert (sides["train/b/leak.png"], sides["test/a/0.png"]) == (LEFT_OUT, TEST)
    assert list(sides.values()).count(LEFT_OUT) == 1


@pytest.fixture
def split_file(tmp_path: Path) -> Callable[[Dataset, Iterable[str]], SplitFile]:
    def write(dataset: Dataset, sides: Iterable[str]) -> SplitFile:
        rows = [f"{name},{side}" for name, side in zip(dataset.source.names, sides, strict=True)]
        (tmp_path / "split.csv").write_text("\n".join(["name,split", *rows]))
        return read_split(tmp_path / "split.csv")

    return write


def test_a_split_from_a_file_is_kept_but_for_exact_duplicates_across_sets(
    noise: Callable, split_file: Callable, preparation: Preparation
) -> None:
    images = [noise(number) for number in range(12)]
    images[1] = images[6]
    names = ["test", "train", "validation"] * 4
    dataset = of_arrays(images, fixed=split_file(of_arrays(images), names), seed=5)
    wanted = [SIDES.index(name) for name in names]
    wanted[1] = LEFT_OUT  # the training image; the test image stays
    prepared = prepare(dataset, preparation)
    assert prepared.sides.tolist() == wanted


def test_images_that_the_network_was_trained_on_stay_in_the_training_set(folder: Path) -> None:
    dataset = Dataset.open(folder)
    first = prepare(dataset, SQUARE)
    trained = set(first.pack.digests.at(first.indices("train"))[:15])
    again = prepare(
        Dataset.open(folder, seed=9), SQUARE, seen=lambda digests: np.array([one in trained for one in digests])
    )
    known = [index for index, digest in enumerate(again.pack.digests) if digest in trained]
    assert len(known) == 15 and set(again.sides[known].tolist()) == {TRAIN}
    assert {VALIDATION, TEST} <= set(again.sides.tolist())


# --- sets: what must stay together


def test_given_groups_stay_whole_and_are_joined_where_they_share_near_duplicates(folder: Path) -> None:
    """The near-duplicates of images 00, 20 and 40 are in other groups or in none."""
    separated = 0
    for seed in range(5):
        dataset = Dataset.open(folder, seed=seed, group_by=r"/(\d\d(?:_again)?)\.png|/(0)0_again")
        given, pairs = dataset.groups, pairs_of(dataset)
        assert [given[again] >= 0 for _, again in pairs] == [True, False, False]
        prepared = prepare(dataset, SQUARE)
        assert all(prepared.sides[one] == prepared.sides[again] for one, again in pairs)
        assert not prepared.leaking.any()
        alone = split(dataset, prepared.pack)  # without comparing images
        separated += sum(alone[one] != alone[again] for one, again in pairs)
        usable = prepared.pack.rows >= 0
        for number in set(given[usable & (given >= 0)].tolist()):
            assert len(set(prepared.sides[usable & (given == number)].tolist())) == 1
    assert separated


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"groups": [""] * 8}, None),  # a column without any group is the same as no column
        ({"groups": ["x", "x", *[""] * 6]}, [0, 0, *[-1] * 6]),
        ({"sides": ["train"] * 4 + ["test"] * 4}, None),
        ({"sides": ["train"] * 4 + ["test"] * 4, "groups": ["x", "x", *[""] * 6]}, [0, 0, *[-1] * 6]),
    ],
)
def test_bursts_are_looked_for_only_where_no_groups_are_given(
    noise: Callable, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], expected: list[int] | None
) -> None:
    """`together` looks for them where its groups are None."""
    received: list[NDArray[np.int64] | None] = []

    def together(
        labels: object, thumbnails: object, digests: object, groups: object, names: object, **_: object
    ) -> object:
        received.append(groups)
        return real(labels, thumbnails, digests, groups, names)

    real = module.together
    monkeypatch.setattr(module, "together", together)
    dataset = of_arrays([noise(number) for number in range(8)], **options)
    find_sets(dataset, dataset.pack(SQUARE))
    assert [None if groups is None else groups.tolist() for groups in received] == [expected]


def test_sets_are_computed_once_and_kept_beside_the_pack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int, int | None]] = []
    dataset = Dataset.open(folder)
    pack = dataset.pack(SQUARE)
    first = find_sets(dataset, pack, lambda *call: calls.append(call))
    assert {(stage, of) for stage, _, of in calls} == {("comparing", 63)} and calls[-1][1] == 63
    monkeypatch.setattr(module, "together", lambda *_, **__: pytest.fail("compared again"))
    again = Dataset.open(folder)
    np.testing.assert_array_equal(find_sets(again, again.pack(SQUARE)), first)
    for other in (
        Dataset.open(folder, exclude={"a/02.png"}),  # other images
        Dataset(again.source, again.classes, 1 - again.labels),  # other labels
        Dataset.open(folder, group_by=r"/(\d)\d"),  # groups
    ):
        with pytest.raises(pytest.fail.Exception, match="compared again"):
            find_sets(other, other.pack(SQUARE))


@pytest.mark.parametrize("damage", [lambda whole: whole[:200], lambda whole: whole[:-8] + b"\0\1" + whole[-6:]])
def test_a_damaged_file_of_sets_is_computed_again(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    dataset = Dataset.open(folder)
    pack = dataset.pack(SQUARE)
    first = find_sets(dataset, pack)
    (kept,) = pack.folder.glob("together-*.i8")
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match="is damaged on the disk"):
        np.testing.assert_array_equal(find_sets(dataset, pack), first)
    assert kept.read_bytes() == whole


def test_a_full_disk_does_not_stop_the_comparison(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OutputError("No space left on device")

    dataset = Dataset.open(folder)
    pack = dataset.pack(SQUARE)
    with monkeypatch.context() as context:
        context.setattr(module.cache, "keep", full)
        first = find_sets(dataset, pack)
    np.testing.assert_array_equal(find_sets(dataset, pack), first)
    assert (first.related >= 0).sum() == 6


# --- a set that is given, and one that is drawn beside it

FILMS, FRAMES = 24, 8


def films(sides: list[str], groups: list[str] | None = None) -> Dataset:
    """Films of one place each, in changing light: twelve of each class; `sides` has one set for each film."""
    random, film = np.random.default_rng(0), np.arange(FILMS).repeat(FRAMES)
    places = random.integers(30, 220, (FILMS, 8, 8, 3))[film].repeat(4, axis=1).repeat(4, axis=2)
    light = np.tile(np.linspace(0.6, 1.1, FRAMES), FILMS)[:, None, None, None]
    frames = np.clip(places * light + random.normal(0, 5, places.shape), 0, 255).astype(np.uint8)
    source = ArraySource(list(frames))
    return Dataset(source, ["a", "b"], film % 2, sides=[sides[number] for number in film], groups=groups)


@pytest.mark.parametrize(("given", "drawn"), [("validation", TEST), ("test", VALIDATION)])
@pytest.mark.parametrize("known", [False, True])
def test_a_set_that_is_drawn_beside_a_given_one_has_whole_films_alone(given: str, drawn: int, known: bool) -> None:
    film = np.arange(FILMS).repeat(FRAMES)
    dataset = films([given if number < 4 else "train" for number in range(FILMS)],
                    [str(number) for number in film] if known else None)  # fmt: skip
    prepared = prepare(dataset, SQUARE)
    sides = [set(prepared.sides[film == number].tolist()) for number in range(FILMS)]
    assert all(len(one) == 1 for one in sides) and {drawn} in sides
    assert sides[:4] == [{SIDES.index(given)}] * 4
    assert prepared.leaks == ()


def test_what_leaks_into_a_given_set_is_counted_and_a_set_is_drawn_where_nothing_leaks() -> None:
    """24 images are there four times, a little brighter each; the last ones of the first eight are for the test."""
    pixels = landscapes(24)
    images = [np.clip(picture.astype(int) + time, 0, 255).astype(np.uint8) for picture in pixels for time in range(4)]
    film, time = np.arange(24).repeat(4), np.tile(np.arange(4), 24)
    sides = np.where((film < 8) & (time == 3), "test", "train").tolist()
    prepared = prepare(Dataset(ArraySource(images), ["a", "b"], film % 2, sides=sides), SQUARE)
    assert [str(leaks) for leaks in prepared.leaks] == [
        "8 of the 8 test images (100.0%) have a near-duplicate or an image of their group in the training set."
    ]
    assert set(film[prepared.sides == VALIDATION]) <= set(range(8, 24)) and (prepared.sides == VALIDATION).sum() >= 12


def test_a_class_whose_free_images_are_one_film_is_still_split() -> None:
    """All films but one of each class are given for the test: validation takes frames of that one."""
    prepared = prepare(films(["train", "train", *["test"] * (FILMS - 2)]), SQUARE)
    assert np.bincount(prepared.sides[: 2 * FRAMES]).tolist() == [14, 2]


# --- groups, for intervals and folds


def test_an_image_in_no_group_has_a_number_of_its_own() -> None:
    pixels = [np.zeros((4, 4), np.uint8)] * 5
    assert groups_of(of_arrays(pixels)) is None
    assert groups_of(of_arrays(pixels, groups=[""] * 5)) is None
    numbers = groups_of(of_arrays(pixels, groups=["x", "", "y", "", "x"]))
    assert numbers is not None and numbers[0] == numbers[4] and len(set(numbers.tolist())) == 4


def test_near_duplicates_are_one_group_where_the_split_is_given_and_yet_no_image_is_left_out() -> None:
    pixels = landscapes(12)
    images = [*pixels, np.ascontiguousarray(pixels[0][:, ::-1]), pixels[1]]
    sides = [*["train"] * 8, "validation", "validation", "test", "test", "validation", "train"]
    for groups in (None, ["", "", "g", "g", *[""] * 10]):
        prepared = prepare(of_arrays(images, sides=sides, groups=groups), SQUARE)
        assert prepared.sides.tolist() == [SIDES.index(side) for side in sides]
        numbers = prepared.groups
        assert numbers is not None and numbers[0] == numbers[12] and numbers[1] == numbers[13]
        assert len(set(numbers.tolist())) == 12 - (groups is not None)
        assert prepared.naive_leak == 0  # the split is not ours


# --- leaks


def test_near_duplicates_and_groups_of_training_images_are_found_in_given_splits(split_file: Callable) -> None:
    """Exact duplicates are left out of training; an image of the training set itself is never one."""
    pixels = landscapes(12)
    images = [*pixels, *(brighter(pixels[number]) for number in (0, 1, 2)), pixels[3]]
    sides = [*["train"] * 8, *["validation"] * 2, *["test"] * 2, "validation", "test", "train", "test"]
    groups = [""] * 16
    groups[4] = groups[8] = "one track"

    def found(**options: object) -> list[int]:
        return np.flatnonzero(prepare(of_arrays(images, **options), SQUARE).leaking).tolist()

    assert found(sides=sides) == [12, 13]
    assert found(sides=sides, groups=groups) == [12, 13]  # the split leaves the training image of the group out
    assert found(fixed=split_file(of_arrays(images), sides), groups=groups) == [8, 12, 13]
    assert found() == []


def test_many_exact_duplicates_do_not_hide_a_near_duplicate() -> None:
    random, pixels = np.random.default_rng(0), landscapes(12)
    cropped = np.clip(pixels[0].astype(int)[5:, 4:] + random.integers(-40, 41, (85, 86, 3)), 0, 255).astype(np.uint8)
    for count in (1, 6, 20):
        images = [*pixels, cropped, *[pixels[0]] * (count - 1)]
        sides = [*["train"] * 8, "validation", "validation", "test", "test", "test", *["train"] * (count - 1)]
        assert np.flatnonzero(prepare(of_arrays(images, sides=sides), SQUARE).leaking).tolist() == [12], count


def naive_leak_of(dataset: Dataset) -> float:
    pack = dataset.pack(SQUARE)
    return naive_leak(dataset, pack, find_sets(dataset, pack))


def test_the_leak_of_a_random_split_is_the_share_of_test_images_with_a_duplicate_in_training() -> None:
    """Every image twice, 70% for training: the other one of a test image is there with a probability of about 0.7."""
    pixels = [image for image in landscapes(60) for _ in range(2)]
    labels = [number // 2 % 2 for number in range(120)]
    assert naive_leak_of(Dataset.from_arrays(pixels, labels, ["a", "b"], test=0.15)) == pytest.approx(0.7, abs=0.25)
    assert naive_leak_of(Dataset.from_arrays(pixels[::2], labels[::2], ["a", "b"])) == 0


def test_groups_count_in_the_leak_of_a_random_split(noise: Callable) -> None:
    images = [noise(number) for number in range(40)]
    assert naive_leak_of(of_arrays(images, groups=[f"{number // 20}" for number in range(40)])) == 1
    assert naive_leak_of(of_arrays(images, groups=[str(number) for number in range(40)])) == 0


def test_too_few_images_to_split_leak_nothing(noise: Callable) -> None:
    assert naive_leak_of(of_arrays([noise(0), noise(1)])) == 0


def test_classes_without_images_in_a_given_set_are_absent() -> None:
    prepared = prepare(
        of_arrays(landscapes(12), sides=["train"] * 8 + ["validation", "test", "validation", "test"]), SQUARE
    )
    assert [prepared.absent(side) for side in SIDES] == [(), ("b",), ("a",)]


def test_a_given_set_that_is_a_copy_of_another_is_named_with_and_without_groups() -> None:
    images, sides = landscapes(8), ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
    for groups in (None, np.arange(16)):
        dataset = of_arrays([*images, *images[:4], *images[:4]], sides=sides, groups=groups)
        with pytest.raises(DataError, match=r"all 4 validation images .*are also in the test set: one is a copy"):
            prepare(dataset, SQUARE)
