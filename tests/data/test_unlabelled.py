from pathlib import Path

import numpy as np
import pytest

from eyebright.data.corrections import Correction, Corrections, save
from eyebright.data.unlabelled import UNLABELLED, Alike, open_images
from eyebright.system.errors import DataError


def test_a_folder_of_images_needs_no_folders_of_classes(tmp_path: Path, add_picture) -> None:
    for name in ("b.png", "a.png", "holiday/c.png"):
        add_picture(tmp_path / "new" / name)
    dataset = open_images([tmp_path / "new"], classes=("rose", "tulip"))
    assert dataset.source.names == ["a.png", "b.png", "holiday/c.png"]
    assert dataset.classes == (UNLABELLED,) and not dataset.labels.any()
    assert dataset.origin == tmp_path / "new"


def test_folders_named_like_classes_are_labels_and_others_come_with_them(tmp_path: Path, add_picture) -> None:
    for name in ("rose/0.png", "thistle/1.png"):
        add_picture(tmp_path / "new" / name)
    dataset = open_images([tmp_path / "new"], classes=("rose", "tulip"))
    assert dataset.classes == ("rose", "thistle") and dataset.labels.tolist() == [0, 1]
    assert open_images([tmp_path / "new"]).classes == (UNLABELLED,)  # who asks for no classes needs no labels


def test_files_and_folders_can_be_given_together(tmp_path: Path, add_picture, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("new/a.png", "new/b.png", "photo"):
        add_picture(tmp_path / name)
    assert open_images(["photo"]).source.names == ["photo"]  # what a file is, its content decides
    dataset = open_images([tmp_path / "photo", "new"])
    assert dataset.source.names == ["photo", "new/a.png", "new/b.png"]
    assert all(Path(dataset.source.open(index)).is_file() for index in range(3))


def test_other_forms_are_opened_as_a_training_opens_them(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "new.npz", images=pixels, labels=np.array(["rose", "rose", "tulip", "tulip"]))
    dataset = open_images([tmp_path / "new.npz"], classes=("rose", "tulip"))
    assert dataset.classes == ("rose", "tulip") and dataset.labels.tolist() == [0, 0, 1, 1]


def test_what_is_not_there_is_named(tmp_path: Path, add_picture) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"missing does not exist"):
        open_images([tmp_path / "missing"])
    with pytest.raises(DataError, match="there are no images in"):
        open_images([tmp_path / "empty"])
    with pytest.raises(DataError, match=r"notes.txt is a file of an unknown format"):
        open_images([tmp_path / "notes.txt"])


def test_what_is_wrong_with_labelled_images_is_not_hidden(tmp_path: Path, add_picture) -> None:
    for name in ("train/rose/0.png", "train/tulip/1.png", "rose/2.png"):
        add_picture(tmp_path / name)
    with pytest.raises(DataError, match="mixes splits"):
        open_images([tmp_path], classes=("rose", "tulip"))


def test_groups_without_labels_are_of_one_folder_and_the_first_expression_that_matches_counts(
    tmp_path: Path, add_picture
) -> None:
    for name in ("a/1_0.png", "a/1_1.png", "a/2_0.png", "b/1_0.png"):
        add_picture(tmp_path / "new" / name)
    for alike, expected in (
        (Alike(("nothing", r"(\d)_")), [0, 0, 1, 2]),
        (Alike((r"(\d)_", r"(\d)\.")), [0, 0, 1, 2]),
        (Alike((r"(.*/\d)_",)), [0, 0, 1, 2]),
        (Alike((r"_(\d)",)), [0, 1, 0, 2]),
    ):
        groups = open_images([tmp_path / "new"], alike=alike).groups
        assert np.array_equal(groups[:, None] == groups, np.equal.outer(expected, expected))
    assert open_images([tmp_path / "new"], alike=Alike(("nothing",))).groups is None


def test_a_decision_may_name_a_class_without_images_and_unlabelled_images_are_only_left_out(
    tmp_path: Path, add_picture
) -> None:
    for name in ("rose/0.png", "rose/1.png", "rose/2.png"):
        add_picture(tmp_path / "new" / name)
    decided = (
        Correction(name="rose/0.png", decision="relabel", new_label="tulip"),
        Correction(name="rose/1.png", decision="exclude"),
        Correction(name="elsewhere.png", decision="exclude"),
    )
    save(Corrections(corrections=decided), tmp_path / "decided.json")
    alike = Alike(corrections=(tmp_path / "decided.json",))
    labelled = open_images([tmp_path / "new"], classes=("rose", "tulip"), alike=alike)
    assert [labelled.classes[label] for label in labelled.labels] == ["tulip", "rose"]
    plain = open_images([tmp_path / "new"], alike=alike)
    assert plain.classes == (UNLABELLED,) and plain.source.names == ["rose/0.png", "rose/2.png"]
