import warnings
from pathlib import Path

import pytest

from eyebright.data.sources.layout import class_folders
from eyebright.system.errors import DataError


def layout(root: Path) -> dict[str, str | None]:
    """The split of each folder of a class, by its path."""
    return {str(folder.relative_to(root)): side for folder, side in class_folders(root)}


@pytest.mark.parametrize(
    ("top", "side"),
    [("Training", "train"), ("training_set", "train"), ("dev", "validation"), ("Testing", "test"), ("test_set", "test"),
     ("seg_test", "test")],
)  # fmt: skip
def test_splits_have_many_names(make_folder, top, side):
    other = "training" if side != "train" else "val"
    root = make_folder({f"{top}/daisy": 1, f"{other}/daisy": 1})
    assert layout(root)[f"{top}/daisy"] == side


def test_a_split_in_a_folder_of_its_own_name_is_found(make_folder):
    root = make_folder({"seg_train/seg_train/sea": 1, "seg_test/seg_test/sea": 1})
    assert layout(root) == {"seg_train/seg_train/sea": "train", "seg_test/seg_test/sea": "test"}


@pytest.mark.parametrize("odd", ["pred", "sample/x"])
def test_a_folder_of_images_beside_splits_is_named(make_folder, odd):
    root = make_folder({"train/a": 1, "train/b": 1, "test/a": 1, odd: 1})
    name = odd.partition("/")[0]
    with pytest.raises(
        DataError,
        match=rf"mixes splits \(test/, train/\) with other folders of images \({name}/\): move",
    ):
        class_folders(root)


def test_two_folders_for_one_split_are_named(make_folder):
    root = make_folder({"train/a": 1, "dev/a": 1, "val/a": 1})
    with pytest.raises(DataError, match="dev/ and val/ are both the validation set: keep one"):
        class_folders(root)


@pytest.mark.parametrize("passed", ["__MACOSX", "weights"])
@pytest.mark.parametrize("above", ["", "train/"])
def test_a_folder_without_images_is_passed_over_and_reported(make_folder, passed, above):
    root = make_folder({f"{above}a": 1, f"{above}b": 1})
    (root / passed).mkdir()
    (root / passed / "best.pt").write_bytes(b"PK")
    with pytest.warns(UserWarning, match=rf"{passed}/ passed over: no images there"):
        assert [*layout(root)] == [f"{above}a", f"{above}b"]


def test_a_flat_split_is_not_used_and_reported(make_folder):
    root = make_folder({"train/a": 1, "train/b": 1, "test": 3})
    with pytest.warns(UserWarning, match="the images in test/ are not used, because they are in no folders of classes"):
        assert layout(root) == {"train/a": "train", "train/b": "train"}


@pytest.mark.parametrize("others", [{"train": 2, "test": 2}, {"train": 2, "test": 2, "bus": 2}, {"val": 1, "test": 1}])
def test_splits_without_folders_of_classes_are_refused(make_folder, others):
    with pytest.raises(DataError, match="are splits without folders of classes: expected one"):
        class_folders(make_folder(others))


def test_a_split_without_any_images_is_reported(make_folder):
    root = make_folder({"train/a": 1, "train/b": 1})
    (root / "val" / "a").mkdir(parents=True)
    with pytest.warns(UserWarning, match="val/ passed over: no images there"):
        assert {*layout(root).values()} == {"train"}


@pytest.mark.parametrize("others", [{"val/a": 1, "test/a": 1}, {"test/a": 1, "b": 1}, {"test/a": 1, "train": 1}])
def test_splits_without_a_training_set_are_refused(make_folder, others):
    with pytest.raises(DataError, match=r"test/.* but no training set with one folder per class: expected train/"):
        class_folders(make_folder(others))


@pytest.mark.parametrize(
    "others",
    [{"bus": 1, "plane": 1, "train": 1}, {"test_tube": 1, "train_car": 1}, {"train_station/hall": 1, "bus_stop": 1}],
)
def test_a_class_may_have_the_name_of_a_split(make_folder, others):
    assert layout(make_folder(others)) == dict.fromkeys(name.partition("/")[0] for name in others)


def test_classes_alone_are_found_without_a_word(make_folder):
    root = make_folder({"a": 1, "b": 1})
    (root / "empty").mkdir()
    with warnings.catch_warnings(action="error"):
        assert layout(root) == {"a": None, "b": None, "empty": None}
