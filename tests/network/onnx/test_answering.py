"""The outputs of a classifier's graph, by ONNX's reference implementation and OpenVINO, against formulas in NumPy."""

import numpy as np
import onnx.reference
import pytest
from scipy.special import logsumexp, softmax

from eyebright.network import Conv2d, Flatten, GlobalAvgPool2d, Input, Linear, Network, Normalize, ReLU, initial_weights
from eyebright.network.answering import Answering, Familiar
from eyebright.network.onnx import to_onnx

POOLED = (Conv2d(6, 3), ReLU(), GlobalAvgPool2d(name="probabilities"), Linear(4))
MAPS = (Conv2d(6, 3), ReLU(name="answer"), Flatten(), Linear(4))
DENSE = (Flatten(), Linear(6, name="features"), ReLU(), Linear(4))


def outputs(network, weights, pictures, **options):
    model = to_onnx(network, weights, **options)
    names = [output.name for output in model.graph.output]
    return dict(zip(names, onnx.reference.ReferenceEvaluator(model).run(None, {"pictures": pictures}), strict=True))


@pytest.fixture(params=[POOLED, MAPS, DENSE], ids=["pooled", "maps", "dense"])
def network(request):
    return Network.sequential(Input((3, 9, 8)), Normalize(), *request.param)


@pytest.fixture
def familiar():
    random = np.random.default_rng(3)
    directions = np.linalg.qr(random.normal(size=(6, 6)))[0][:2]
    parts = random.normal(size=6) / 3, directions, (0.5, 0.2), 0.1, -2.0, 0.7, 9.0
    return Familiar(*(np.array(part, np.float32) for part in parts))


def test_the_unfamiliarity_is_a_mahalanobis_distance_and_the_energy_above_the_typical(network, familiar, pictures):
    weights = initial_weights(network, 2)
    plain = outputs(network, weights, pictures, with_features=True)
    (logits, features), temperature = plain.values(), 0.5
    found = outputs(network, weights, pictures, answering=Answering(temperature, familiar))
    covariance = 0.1 * np.eye(6) + familiar.directions.T @ np.diag([0.4, 0.1]) @ familiar.directions
    centred = features / np.linalg.norm(features, axis=1, keepdims=True) - familiar.mean
    distance = (centred @ np.linalg.inv(covariance) * centred).sum(axis=1)
    excess = np.maximum(-logsumexp(logits / temperature, axis=1) + 2, 0)
    assert excess.max() > 0
    np.testing.assert_allclose(found["unfamiliarity"], (distance + 0.7 * excess) / 9, rtol=1e-5)
    np.testing.assert_allclose(found["probabilities"], softmax(logits / temperature, axis=1), atol=1e-6)
    answer = np.where(found["unfamiliarity"] > 1, -1, logits.argmax(axis=1))
    assert found["answer"].tolist() == answer.tolist() and found["answer"].dtype == np.int64
    assert {name: values.shape for name, values in found.items()} == {
        "probabilities": (len(pictures), 4), "unfamiliarity": (len(pictures),), "answer": (len(pictures),),
    }  # fmt: skip


def test_features_are_the_means_of_maps(pictures):
    network = Network.sequential(Input((3, 9, 8)), Normalize(), Conv2d(6, 3), ReLU(), Flatten(), Linear(4))
    weights = initial_weights(network, 2)
    part = network.up_to("relu_1")
    maps = outputs(part, {name: weights[name] for name in part.tensors}, pictures)["relu_1"]
    found = outputs(network, weights, pictures, with_features=True)
    np.testing.assert_allclose(found["features"], maps.mean(axis=(2, 3)), rtol=1e-5)


def test_an_image_above_the_limit_has_no_answer(network, familiar, pictures):
    weights = initial_weights(network, 2)
    values = outputs(network, weights, pictures, answering=Answering(1.0, familiar))["unfamiliarity"]
    limit = familiar.limit * np.sort(values)[-2:].mean(dtype=np.float32)  # between the largest two
    found = outputs(network, weights, pictures, answering=Answering(1.0, familiar._replace(limit=limit)))
    assert np.flatnonzero(found["answer"] == -1).tolist() == [values.argmax()]


def test_a_class_that_is_not_probable_enough_is_no_answer(network, familiar, pictures):
    weights = initial_weights(network, 2)
    far = familiar._replace(limit=np.float32(1e6))
    probabilities = outputs(network, weights, pictures, answering=Answering())["probabilities"]
    best, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    thresholds = np.zeros(4, np.float32)
    thresholds[best[0]] = confidence[0]  # exactly this is enough
    expected = np.where(confidence < thresholds[best], -1, best)
    for answering in (Answering(1.0, None, thresholds), Answering(1.0, far, thresholds)):
        assert outputs(network, weights, pictures, answering=answering)["answer"].tolist() == expected.tolist()
    assert outputs(network, weights, pictures, answering=Answering(1.0, None, thresholds + 1))["answer"].max() == -1


def test_without_what_is_familiar_there_is_no_unfamiliarity(network, pictures):
    found = outputs(network, initial_weights(network, 2), pictures, answering=Answering())
    assert list(found) == ["probabilities", "answer"]
    assert found["answer"].tolist() == found["probabilities"].argmax(axis=1).tolist()
