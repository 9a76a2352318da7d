import io
import json

import pytest
from PIL import Image
from tests.model.export.making import edit, replace

from eyebright.model.export.predictor import open_export
from eyebright.system.errors import ModelError


def test_the_folder_predicts_as_the_model(exported, classifier):
    photo = exported / "golden" / "image_2.png"
    expected, found = classifier.predict(photo), open_export(exported)[1].predict(photo)
    assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-4)
    assert (found.label, found.reason) == (expected.label, expected.reason)
    assert found.unfamiliarity == pytest.approx(expected.unfamiliarity, abs=1e-3)


def test_no_program_of_the_folder_runs(exported, tmp_path):
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')".encode()
    for program in ("run.py", "prepare.py", "classify.py", "check.py"):
        replace(exported, program, trap)
    open_export(exported)
    assert not (tmp_path / "trap").exists()


def test_other_weights_and_another_order_of_classes_are_refused_also_with_their_digests(exported, other_graph):
    classes = json.loads((exported / "export.json").read_text())["classes"]
    edit(exported, classes=classes[::-1])
    with pytest.raises(ModelError, match="gives other answers than where it was made"):
        open_export(exported)
    edit(exported, classes=["a", "b", "c"])
    with pytest.raises(ModelError, match="have other classes"):
        open_export(exported)
    edit(exported, classes=classes)
    replace(exported, "model.onnx", other_graph(scale=2))
    with pytest.raises(ModelError, match="gives other answers than where it was made"):
        open_export(exported)


def png(*size):
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("golden/answers.json", b"[]", "has no image"),
        ("golden/prepared_0.png", b"no image", "is damaged"),
        ("golden/prepared_0.png", png(3, 2), r"has \(3, 2\) pixels in RGB, expected"),
        ("model.onnx", b"", "does not run"),
    ],
)
def test_files_of_a_stranger_are_refused_with_a_reason(exported, name, content, message):
    replace(exported, name, content)
    with pytest.raises(ModelError, match=message):
        open_export(exported)


def test_an_answer_instead_of_none_is_refused(exported):
    answers = json.loads((exported / "golden" / "answers.json").read_text())
    answers[0]["answer"] = "rose" if answers[0]["answer"] is None else None
    replace(exported, "golden/answers.json", json.dumps(answers).encode())
    with pytest.raises(ModelError, match=r"image_0\.png has .*, expected (rose|none)"):
        open_export(exported)
