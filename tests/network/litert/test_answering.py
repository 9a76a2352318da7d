"""The outputs of a classifier's graph by LiteRT, against formulas in NumPy and SciPy."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from eyebright.network import Conv2d, Flatten, GlobalAvgPool2d, Input, Linear, Network, Normalize, ReLU, initial_weights
from eyebright.network.answering import Answering, Familiar

POOLED = (Conv2d(6, 3, name="maps"), ReLU(), GlobalAvgPool2d(name="probabilities"), Linear(4))
MAPS = (Conv2d(6, 3), ReLU(name="maps"), Flatten(name="answer"), Linear(4))
TEMPERATURE = 0.5


@pytest.fixture
def familiar():
    random = np.random.default_rng(3)
    directions = np.linalg.qr(random.normal(size=(6, 6)))[0][:2]
    parts = random.normal(size=6) / 3, directions, (0.5, 0.2), 0.1, -2.0, 0.7, 9.0
    return Familiar(*(np.array(part, np.float32) for part in parts))


@pytest.mark.parametrize("layers", [POOLED, MAPS], ids=["pooled", "maps"])
def test_the_outputs_of_a_classifier(litert, run, familiar, pictures, layers):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), *layers)
    weights = initial_weights(network, 2)
    read = network.up_to(network.places["linear_1"].inputs[0] if layers is POOLED else "maps")
    features = run(read, {name: weights[name] for name in read.tensors}, pictures)
    features = features if features.ndim == 2 else features.mean(axis=(2, 3))
    logits = run(network, weights, pictures) / TEMPERATURE
    covariance = 0.1 * np.eye(6) + familiar.directions.T @ np.diag([0.4, 0.1]) @ familiar.directions
    centred = features / np.linalg.norm(features, axis=1, keepdims=True) - familiar.mean
    distance = (centred @ np.linalg.inv(covariance) * centred).sum(axis=1)
    unfamiliarity = (distance + 0.7 * np.maximum(-logsumexp(logits, axis=1) + 2, 0)) / 9

    found = litert(network, weights, pictures, Answering(TEMPERATURE, familiar))
    assert {name: (values.shape, values.dtype) for name, values in found.items()} == {
        "probabilities": ((2, 4), np.float32), "unfamiliarity": ((2,), np.float32), "answer": ((2,), np.int32),
    }  # fmt: skip
    np.testing.assert_allclose(found["probabilities"], softmax(logits, axis=1), atol=1e-6)
    np.testing.assert_allclose(found["unfamiliarity"], unfamiliarity, rtol=1e-5)
    assert found["answer"].tolist() == np.where(unfamiliarity > 1, -1, logits.argmax(axis=1)).tolist()


def test_an_image_above_the_limit_has_no_answer(litert, familiar, pictures):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), *POOLED)
    weights = initial_weights(network, 2)
    values = litert(network, weights, pictures, Answering(1.0, familiar))["unfamiliarity"]
    limit = familiar.limit * values.mean(dtype=np.float32)  # between the two
    found = litert(network, weights, pictures, Answering(1.0, familiar._replace(limit=limit)))
    assert np.flatnonzero(found["answer"] == -1).tolist() == [values.argmax()]


def test_a_class_that_is_not_probable_enough_is_no_answer(litert, familiar, pictures):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), *POOLED)
    weights = initial_weights(network, 2)
    probabilities = litert(network, weights, pictures, Answering())["probabilities"]
    best, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    thresholds = np.zeros(4, np.float32)
    thresholds[best[0]] = confidence[0]  # exactly this is enough
    expected = np.where(confidence < thresholds[best], -1, best)
    far = familiar._replace(limit=np.float32(1e6))
    for answering in (Answering(1.0, None, thresholds), Answering(1.0, far, thresholds)):
        assert litert(network, weights, pictures, answering)["answer"].tolist() == expected.tolist()
    assert litert(network, weights, pictures, Answering(1.0, None, thresholds + 1))["answer"].max() == -1
