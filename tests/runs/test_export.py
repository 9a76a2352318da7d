import re
import shutil

import pytest

import eyebright as eb
from eyebright.runs.export import export
from eyebright.system.errors import OutputError


def test_the_validation_images_of_the_run_prove_it_and_others_where_they_are_gone(pictures, train_mlp, tmp_path):
    train_mlp(pictures, tmp_path / "run", epochs=1)
    made = export(tmp_path / "run", "onnx", tmp_path / "onnx")
    validation = eb.load(tmp_path / "run").metrics["validation"]
    assert made.proof.origin == "validation images" and made.proof.images == validation.pictures
    assert made.proof.model.accuracy == validation.accuracy and not made.note
    given = export(tmp_path / "run", "onnx", tmp_path / "given", pictures)
    assert re.fullmatch(r"images that it was not made with, \d+ others left out", given.proof.origin)
    shutil.rmtree(pictures)
    made = export(tmp_path / "run", "onnx", tmp_path / "gone")
    assert made.proof.origin.startswith("golden and synthetic images")
    assert made.note.startswith("The images of the run cannot be used (")


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_model_is_opened(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"it has no export\.json\), which is never replaced: choose another"):
            export(tmp_path / "no model", "onnx", tmp_path / "mine", overwrite=overwrite)
