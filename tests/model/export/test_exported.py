import numpy as np
import pytest
from tests.model.export.making import edit

from eyebright.model.export.exported import read_export
from eyebright.model.export.recipe import answering_arrays
from eyebright.system.errors import ModelError


def test_what_was_written_is_read(exported, classifier):
    found = read_export(exported)
    assert found.card.classes == classifier.classes
    assert found.card.promise == classifier.learned.promise
    np.testing.assert_array_equal(found.thresholds, np.float32([0.4, 0.7, 2]))
    assert found.sizes() == {"model.onnx": (exported / "model.onnx").stat().st_size}


@pytest.mark.parametrize("name", ["model.onnx", "run.py", "golden/prepared_0.png"])
def test_an_altered_or_missing_file_is_refused(exported, name):
    content = bytearray((exported / name).read_bytes())
    content[len(content) // 2] ^= 1
    (exported / name).write_bytes(bytes(content))
    with pytest.raises(ModelError, match=f"{name} was altered"):
        read_export(exported)
    (exported / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        read_export(exported)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "C:\\x", ""])
def test_a_card_that_names_files_outside_is_refused(exported, name):
    edit(exported, sha256={name: "0"})
    with pytest.raises(ModelError, match="names a file outside its folder"):
        read_export(exported)


@pytest.mark.parametrize(("old", "new"), [("daisy", "dandelion"), ('"temperature": 1.7', '"temperature": 1.71')])
def test_an_edited_card_is_refused(exported, old, new):
    text = (exported / "export.json").read_text()
    assert old in text
    (exported / "export.json").write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=r"export\.json was edited after it was written: .*undo the edit, or copy"):
        read_export(exported)


def test_a_card_that_contradicts_itself_is_refused(exported, tmp_path):
    edit(exported, thresholds=[0.5])
    with pytest.raises(ModelError, match="a threshold for each of 3 classes"):
        read_export(exported)
    edit(exported, classes=["rose", "rose"])
    with pytest.raises(ModelError, match="two or more different classes"):
        read_export(exported)
    with pytest.raises(ModelError, match=r"is not an exported model: it has no export\.json"):
        read_export(tmp_path)


def test_answering_comes_back_from_its_arrays(exported, source):
    (exported / "answering.npz").write_bytes(answering_arrays(source))
    found = read_export(exported)
    found.card.sha256["answering.npz"] = ""
    back = found.answering()
    assert back.temperature == source.answering.temperature
    for own, other in zip(back.familiar, source.answering.familiar, strict=True):
        np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(back.thresholds, source.answering.thresholds)
    (exported / "answering.npz").write_bytes(b"PK damaged")
    with pytest.raises(ModelError, match=r"answering\.npz is damaged"):
        found.answering()
