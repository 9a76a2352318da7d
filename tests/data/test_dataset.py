import numpy as np
import pytest

from eyebright.data.dataset import Dataset
from eyebright.data.sources.source import ArraySource
from eyebright.data.split import SIDES
from eyebright.system.errors import DataError, SettingsError


@pytest.fixture
def images(noise) -> list[np.ndarray]:
    return [noise(number) for number in range(12)]


def class_names(dataset: Dataset) -> list[str]:
    return [dataset.classes[label] for label in dataset.labels]


@pytest.mark.parametrize(
    ("labels", "classes", "names"),
    [
        (["b", "a", "b"], None, ["b", "a", "b"]),
        (["b", "a", "b"], ["b", "a"], ["b", "a", "b"]),
        ([1, 0, 1], ["b", "a"], ["a", "b", "a"]),
        (np.array([1, 0, 1], np.uint8), ["b", "a"], ["a", "b", "a"]),
        (np.array(["b", "a", "b"]), None, ["b", "a", "b"]),
        (["5", "3", "5"], ["3", "5"], ["5", "3", "5"]),
        (["1", "0", "1"], ["1", "0"], ["1", "0", "1"]),
        ([2, 1, 3], None, ["2", "1", "3"]),
        (list(range(12)), None, [str(number) for number in range(12)]),
    ],
)
def test_labels_are_names_or_positions(images, labels, classes, names):
    dataset = Dataset.from_arrays(images[: len(labels)], labels, classes)
    assert class_names(dataset) == names
    assert dataset.classes == tuple(classes) if classes else set(dataset.classes) == set(names)


@pytest.mark.parametrize("shape", [(12, 4, 4), (12, 4, 4, 1), (12, 4, 4, 3)])
def test_arrays_of_each_shape_are_packed(preparation, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    dataset = Dataset.from_arrays(images, ["a", "b"] * 6)
    assert dataset.pack(preparation).read(range(12)).shape == (12, 5, 6, 3)


def test_as_many_labels_as_images_are_wanted(images):
    with pytest.raises(DataError, match="got 12 images and 3 labels"):
        Dataset.from_arrays(images, [0, 1, 0], ["a", "b"])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("rosse", "label 'rosse' is not a class: did you mean 'rose'"),
        (2, "label 2 is not a class: expected 0 to 1, for daisy, rose; if your labels start at 1, write labels - 1"),
        (-1, "label -1 is not a class: expected 0 to 1, for daisy, rose$"),
        (0.5, "label 0.5 is not a class"),
        (None, "label None is not a class"),
    ],
)
def test_a_label_that_is_no_class_is_named(images, label, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images[:1], [label], ["daisy", "rose"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5, float("nan")], r"missing class \(NaN\) at position 1, 1 in all"),
        (np.array([1.5, 2.5]), r"invalid class 1\.5: expected a text or a whole number"),
        (["a", "nan"], r"missing class \(NaN\)"),
        (["a", ""], "missing class: every image needs one"),
        ([1, "a"], "labels are texts and numbers, such as 'a' and 1: use one type"),
        (np.array([1, "a"], object), "labels are texts and numbers"),
    ],
)
def test_labels_that_can_name_no_class_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images[:2], labels)


@pytest.mark.parametrize("classes", [None, ["daisy", "rose"]])
def test_labels_in_a_column_are_taken_or_refused_but_never_made_into_names(images, classes):
    column = np.array([[0], [1]])
    try:
        names = class_names(Dataset.from_arrays(images[:2], column, classes))
    except DataError as problem:
        assert "label" in str(problem)
    else:
        assert names == (classes or ["0", "1"])


def test_pictures_of_floats_are_the_same_pictures(images):
    one = Dataset.from_arrays(images, ["a", "b"] * 6)
    other = Dataset.from_arrays(np.stack(images) / 255, np.array([[0], [1]] * 6), ["a", "b"])
    assert one.source.identity == other.source.identity
    assert (one.classes, one.labels.tolist()) == (other.classes, other.labels.tolist())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((6, 4, 4), -0.5), r"float64 from -0\.5 to -0\.5, .* write \(\(images \+ 1\) \* 127\.5\)\.round"),
        ("flower_photos", r"got a str of .*; for a folder, write eb\.Dataset\.from_folder"),
        (None, "got None"),
    ],
)
def test_what_is_not_images_is_refused_at_once(images, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images, ["a", "b"] * 3)


def test_a_dataset_says_how_large_it_is(images):
    dataset = Dataset.from_arrays(images, ["a", "b", "c"] * 4)
    assert len(dataset) == 12
    assert repr(dataset).splitlines() == [
        "Dataset: 12 images in 3 classes",
        "To be split with seed 0: 15% for validation, 15% for the test.",
        "class  images",
        "a           4",
        "b           4",
        "c           4",
    ]
    assert repr(dataset.test) == "<the test set of Dataset: 12 images in 3 classes>"


def test_a_dataset_with_a_given_split_says_how_large_each_set_is(images):
    sides = ["train"] * 7 + ["validation"] * 3 + ["test"] * 2
    dataset = Dataset(ArraySource(images), ["a", "b"], [0, 1] * 6, sides=sides)
    assert repr(dataset).splitlines()[1:] == [
        "The split is given.",
        "class  train  validation  test",
        "a          4           1     1",
        "b          3           2     1",
    ]


def test_shares_that_leave_nothing_are_refused_at_once(images):
    with pytest.raises(SettingsError, match=r"got 0.9 and 0.2"):
        Dataset.from_arrays(images, ["a", "b"] * 6, validation=0.9, test=0.2)


@pytest.mark.parametrize("side", SIDES)
def test_the_parts_name_their_side(images, side):
    dataset = Dataset.from_arrays(images, ["a", "b"] * 6)
    assert getattr(dataset, side) == (dataset, side)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([], ["a", "b"], "no images: expected arrays with images"),
        (["a"] * 4, ["a"], "only one class, 'a': a classifier needs images of two or more classes$"),
        (["a"] * 4 + ["b"] * 2, ["a", "b"], r"class 'b' has 2 images: .*at least 3"),
        (["a"] * 4, ["a", "b"], r"class 'b' has 0 images: .*at least 3"),
    ],
)
def test_too_little_to_learn_from_is_said(images, labels, classes, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(images[: len(labels)], labels, classes).require_trainable()


def test_three_pictures_of_each_class_are_enough(images):
    dataset = Dataset.from_arrays(images[:6], ["a", "b"] * 3)
    dataset.require_trainable()
    assert np.bincount(dataset.labels).tolist() == [3, 3]


def test_two_pictures_of_each_class_are_enough_without_a_test_set(images):
    Dataset.from_arrays(images[:4], ["a", "b"] * 2, test=0).require_trainable()
    with pytest.raises(DataError, match=r"class 'b' has 1 image: .*at least 2, one for each set \(train, validation\)"):
        Dataset.from_arrays(images[:3], ["a", "b", "a"], test=0).require_trainable()


def test_more_than_half_bad_names_the_class_and_one_of_its_files(make_folder, preparation):
    root = make_folder({"a": 6, "b": 5})
    for name in ("a/0.png", "b/1.png", "b/2.png", "b/4.png"):
        (root / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"3 of the 5 images of class 'b' .*more than half.*b/1\.png: empty file"):
        Dataset.from_folder(root).pack(preparation)


def test_half_bad_goes_on_without_them(make_folder, preparation):
    root = make_folder({"a": 6, "b": 6})
    for number in range(3):
        (root / f"b/{number}.png").write_bytes(b"words")
    packed = Dataset.from_folder(root).pack(preparation)
    assert [left.name for left in packed.left_out] == ["b/0.png", "b/1.png", "b/2.png"]


def test_a_dataset_never_changes(images):
    labels = np.arange(12) % 2
    dataset = Dataset(ArraySource(images), ["a", "b"], labels, sides=["train"] * 12, groups=[""] * 12)
    for array in (dataset.labels, dataset.sides, dataset.groups):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    labels[0] = 1  # the caller's own array may change
    assert dataset.labels[0] == 0


def test_the_typical_side_is_the_median_of_the_shorter_ones_that_can_be_opened():
    sizes = [(10, 50), (70, 20), (30, 30), (90, 40), (200, 300)]
    images = [np.zeros(size, np.uint8) for size in sizes]
    assert Dataset.from_arrays(images, ["a"] * 5).typical_side() == 30


def test_the_typical_side_passes_bad_files_over(make_folder):
    root = make_folder({"a": 4, "b": 1})
    (root / "a/0.png").write_bytes(b"")
    assert Dataset.from_folder(root).typical_side() == 10
    for path in root.glob("*/*"):
        path.write_bytes(b"")
    assert Dataset.from_folder(root).typical_side() == 0


@pytest.mark.parametrize("count", [199, 200, 399, 1_001])
def test_the_typical_side_looks_at_200_pictures_at_most_over_the_whole_set(count, monkeypatch):
    dataset = Dataset.from_arrays(np.zeros((count, 2, 2), np.uint8), ["a"] * count)
    looked: list[int] = []
    monkeypatch.setattr(dataset.source, "open", lambda index: looked.append(index) or np.zeros((2, 2), np.uint8))
    assert dataset.typical_side() == 2
    assert 100 <= len(looked) <= 200
    assert max(looked) >= count * 0.9


def given(sides: list[str], labels: list[str]) -> Dataset:
    """A data set whose split is given."""
    classes = sorted({*labels})
    source = ArraySource([np.full((4, 4), number, np.uint8) for number in range(len(labels))])
    return Dataset(source, classes, [classes.index(label) for label in labels], sides=sides)


def test_a_class_without_training_images_is_named_with_the_nearest():
    dataset = given(["train"] * 6 + ["test"] * 3, [*["cat", "dog"] * 3, *["cats"] * 3])
    with pytest.raises(
        DataError,
        match=r"class 'cats' has images in the test set, but none in the training set; .*: did you mean 'cat'",
    ):
        dataset.require_trainable()


def test_classes_that_differ_only_in_capitals_or_spaces_are_reported():
    labels = [name for name in ("Red  rose", "red rose", "A", "a") for _ in range(3)]
    with pytest.warns(UserWarning, match="'Red  rose' and 'red rose' differ only in capitals or spaces") as found:
        dataset = Dataset.from_arrays([np.zeros((4, 4), np.uint8)] * 12, labels)
        for _ in range(2):  # by the run and by the preparation
            dataset.require_trainable()
    assert len(found) == 1


def test_a_class_that_nobody_can_name_is_refused():
    with pytest.raises(DataError, match="the data set has a class called"):
        Dataset.from_arrays(np.zeros((2, 4, 4), np.uint8), [0, 1], ["a", "\x07"])
