import numpy as np
import pytest
from scipy.special import softmax

from eyebright.network.answering import Answering
from eyebright.trust.answers import Answers, answers_of
from eyebright.trust.unknown import fit_familiar, unfamiliarity_of

ROWS = np.array([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.5, 0.4]], np.float32)


@pytest.mark.parametrize(
    ("unfamiliarity", "thresholds", "expected"),
    [
        (None, None, [1, 0, 1]),
        ([0.9, 1.0, 1.01], None, [1, 0, -1]),  # the limit itself is familiar
        (None, [0.0, 0.5, 0.9], [1, 0, 1]),
        (None, [0.0, 0.6, 0.0], [1, 0, -1]),
        ([0, 2, 0], [0.0, 0.6, 0.0], [1, -1, -1]),
    ],
)
def test_an_answer_needs_a_familiar_image_and_a_probable_class(unfamiliarity, thresholds, expected):
    arrays = (None if values is None else np.array(values, np.float32) for values in (unfamiliarity, thresholds))
    found = Answers.decided(ROWS, *arrays)
    assert found.answer.tolist() == expected and found.answer.dtype == np.int64


def test_answers_are_computed_from_logits_and_features():
    random = np.random.default_rng(0)
    features, logits = random.normal(size=(40, 6)), random.normal(size=(40, 3))
    familiar = fit_familiar(features[:20], features[20:], logits[20:] / 2)
    found = answers_of(Answering(2.0, familiar), logits, features)
    np.testing.assert_allclose(found.probabilities, softmax(logits / 2, axis=1), atol=1e-6)
    np.testing.assert_allclose(found.unfamiliarity, unfamiliarity_of(familiar, features, logits / 2), rtol=1e-6)
    assert answers_of(Answering(2.0), logits, features).unfamiliarity is None


def test_outputs_of_a_graph_go_by_their_names():
    outputs = {"answer": np.array([1]), "probabilities": ROWS[:1], "unfamiliarity": np.float32([0.5])}
    found = Answers.of_outputs(outputs)
    assert all(getattr(found, name) is values for name, values in outputs.items())
    del outputs["unfamiliarity"]
    assert Answers.of_outputs(outputs).unfamiliarity is None
