"""What was found out about weights goes to a folder and back; tests/model/test_classifier.py trains what it tests."""

import numpy as np

import eyebright as eb
from eyebright.model.card import Calibration
from eyebright.model.folder import read_model
from eyebright.model.learned import Learned, settings_of
from eyebright.model.reference import Reference
from eyebright.trust.unknown import fit_familiar

VALUES = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)


def test_the_answers_of_a_loaded_model_are_those_before(tmp_path):
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["a", "b", "c"])
    pictures = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), np.uint8)
    before = model.predictor.answers(pictures)
    model.learned = Learned(
        calibration=Calibration(temperature=2.0, error_before=0.1, error_after=0.05),
        reference=Reference(unknown=fit_familiar(VALUES[:10], VALUES[10:], VALUES[10:, :3])),
    )
    expected = model.predictor.answers(pictures)
    assert before.unfamiliarity is None and expected.unfamiliarity is not None
    assert not np.allclose(before.probabilities, expected.probabilities)
    model.save(tmp_path / "model")
    loaded = eb.load(tmp_path / "model")
    found = loaded.predictor.answers(pictures)
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert loaded.learned.calibration == model.learned.calibration
    assert loaded.to_onnx() == model.to_onnx()


def test_a_model_with_a_setting_of_an_old_name_is_read(tmp_path):
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["a", "b", "c"])
    model.save(tmp_path / "model")
    stored = read_model(tmp_path / "model")
    before = stored.card.provenance.settings
    assert "keep_start_if_better" in before
    before["judge_start"] = not before.pop("keep_start_if_better")  # as it was called in November 2026
    assert settings_of(stored) == model.settings.changed({"keep_start_if_better": True})
