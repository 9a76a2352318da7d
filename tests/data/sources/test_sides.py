import pytest

from eyebright.data.sources.sides import side_in, side_named, side_of, sides_in
from eyebright.system.errors import DataError


@pytest.mark.parametrize(
    ("names", "side"),
    [
        (["train", "Training", "training_set", "trainset", "TRAIN_DATA", "train images"], "train"),
        ([" Val ", "VALID", "validation", "dev", "Dev-Set", "validation_split"], "validation"),
        (["test", "Testing", "test_set", "testset"], "test"),
        (["", "trains", "set", "contest", "pred", "train_2"], None),
    ],
)
def test_a_split_has_several_names(names, side):
    assert {side_of(name) for name in names} == {side}


@pytest.mark.parametrize(
    ("name", "side"),
    [("seg_train", "train"), ("val2017", "validation"), ("x/TEST/0", "test"), ("train-test-0", "train"),
     ("protest_0", None)],
)  # fmt: skip
def test_a_split_may_be_a_word_of_a_name(name, side):
    assert side_in(name) == side


def test_an_unknown_split_of_a_cell_is_refused_with_the_nearest():
    assert side_named(" ") is None and side_named("Training") == "train"
    with pytest.raises(DataError, match="unknown split 'trian': did you mean 'train'"):
        side_named("trian")


@pytest.mark.parametrize(
    ("names", "sides"),
    [
        (["train-0001", "val-0001"], ["train", "validation"]),
        (["flowers_train_1", "x/TEST/0"], ["train", "test"]),
        (["val-0", "test-0"], None),
        (["roses", "tulips"], None),
        ([], None),
    ],
)
def test_names_give_splits_if_one_is_the_training_set(names, sides):
    assert sides_in(names, "here") == sides


@pytest.mark.parametrize("odd", ["extra-0", "trained-0"])
def test_a_name_without_a_split_among_splits_is_an_error(odd):
    with pytest.raises(
        DataError,
        match=rf"^here: the names of 1 file \({odd}\) give no split, those of the others do",
    ):
        sides_in(["train-0", odd, "test-0"], "here")
