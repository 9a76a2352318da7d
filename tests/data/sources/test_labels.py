import numpy as np
import pytest

from eyebright.data.sources.labels import (
    class_name,
    encode_labels,
    index_classes,
    require_distinct_classes,
    require_names,
)
from eyebright.system.errors import DataError


@pytest.mark.parametrize(("value", "name"), [(" rose ", "rose"), (7, "7"), (-1, "-1"), ("07", "07"), ("nano", "nano")])
def test_texts_and_whole_numbers_are_classes(value, name):
    assert class_name(value) == name


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "missing class: every image needs one"),
        ("", "missing class: every"),
        (" \t", "missing class: every"),
        ("NaN", r"missing class \(NaN\)"),
        (float("nan"), r"missing class \(NaN\)"),
        (0.5, r"invalid class 0\.5: expected a text or a whole number"),
        (1.0, r"invalid class 1\.0"),
        (True, "invalid class True"),
        (["a"], r"invalid class \['a'\]"),
    ],
)
def test_other_values_are_not_classes(value, words):
    with pytest.raises(DataError, match=words):
        class_name(value)


def test_classes_are_sorted_as_texts():
    assert index_classes(["10", "2", "1", "2"], ["0"]) == (("0", "1", "10", "2"), [2, 3, 1, 3])


@pytest.mark.parametrize("classes", [("1", "1.0"), ("7", "x", "07"), ("1e3", "1000")])
def test_one_number_in_two_forms_is_refused(classes):
    with pytest.raises(
        DataError, match=r"table\.csv has the classes '.*' and '.*', which are one number: use one form"
    ):
        require_distinct_classes(classes, "table.csv")


def test_different_numbers_and_texts_are_distinct():
    require_distinct_classes(("1", "10", "a", "A"), "table.csv")


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["b", "a", "b"], None, (["a", "b"], [1, 0, 1])),
        ([10, 9, 10], None, (["10", "9"], [0, 1, 0])),
        (["b", "a"], ["b", "a"], (["b", "a"], [0, 1])),
        (np.array([1, 0], np.uint8), ["b", "a"], (["b", "a"], [1, 0])),
        (["1", "0"], ["1", "0"], (["1", "0"], [0, 1])),
        ([[1], [0]], ["b", "a"], (["b", "a"], [1, 0])),
        (np.eye(2)[[1, 0]], ["b", "a"], (["b", "a"], [1, 0])),
        (np.eye(12, dtype=bool)[[11, 2]], None, (["11", "2"], [0, 1])),
        (np.array([1.0, 0.0], np.float32), ["b", "a"], (["b", "a"], [1, 0])),
        ([1.0, 0.0], None, (["0", "1"], [1, 0])),
        (np.array(["b", "a"], object), None, (["a", "b"], [1, 0])),
        (np.array([[b"b"], [b"a"]]), None, (["a", "b"], [1, 0])),
        (np.array([True, False]), None, (["False", "True"], [1, 0])),
    ],
)
def test_labels_are_names_or_positions(labels, classes, expected):
    assert encode_labels(labels, classes) == expected


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["rosse"], ["daisy", "rose"], "label 'rosse' is not a class: did you mean 'rose'"),
        ([2], ["daisy", "rose"], "label 2 is not a class: expected 0 to 1, for daisy, rose; if your labels start at 1"),
        ([-1], ["daisy", "rose"], "label -1 is not a class"),
        ([True], ["daisy", "rose"], "label True is not a class"),
        ([1, "a"], None, "labels are texts and numbers, such as 'a' and 1: use one type"),
        (np.array([1, "a"], object), None, "texts and numbers"),
        (["a", "nan"], None, "missing class"),
        (np.zeros((2, 3), int), ["a"], r"shape \(2, 3\), but not each row is one 1 among zeros: .*argmax\(axis=1\)"),
        (np.full((2, 2), 0.5), None, "not each row is one 1 among zeros"),
        ([[1, 1, 0], [0, 1, 0]], None, "not each row is one 1 among zeros"),
        (None, None, r"labels have the shape \(\): expected one label for each image"),
        (np.zeros((1, 2, 3)), None, r"labels have the shape \(1, 2, 3\)"),
        ([[1], [2, 3]], None, "labels: expected one for each image, got a list: "),
        ([0.0, float("nan")], None, r"missing class \(NaN\) at position 1, 1 in all"),
        ([0.0, float("nan")], ["daisy", "rose"], r"missing class \(NaN\) at position 1, 1 in all"),
        ([0.0, None], ["daisy", "rose"], "label None is not a class"),
    ],
)
def test_invalid_labels_are_refused(labels, classes, words):
    with pytest.raises(DataError, match=words):
        encode_labels(labels, classes)


def test_one_name_in_two_forms_of_unicode_is_one_class_and_reported():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with pytest.warns(UserWarning, match="the class caf\u00e9 is written in two forms of Unicode"):
        assert index_classes([composed, decomposed, "tea"]) == ((composed, "tea"), [0, 0, 1])
    assert index_classes([decomposed], ["tea"]) == ((composed, "tea"), [0])


def test_the_label_minus_one_among_others_is_reported():
    with pytest.warns(UserWarning, match=r'label -1 .*: if it means "no label", leave these images out'):
        assert index_classes(["0", "-1", "1"])[0] == ("-1", "0", "1")
    index_classes(["-1", "1"])


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "called ''"), (" \t", r"called ' \\t'"), ("\x1b\x07", r"called '\\x1b\\x07', which nobody can read"),
     ("x" * 501, "a name of 501 characters, which starts with 'xxx")],
)  # fmt: skip
def test_names_that_nobody_can_read_are_refused(name, words):
    with pytest.raises(DataError, match=f"flowers has a class .*{words}|flowers has a class with {words}"):
        require_names(["rose", name], "flowers")


def test_all_other_names_are_accepted():
    require_names(["a\nb", "花", "x" * 500, "🌼", "-"], "flowers")
