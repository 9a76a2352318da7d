"""The published networks beside what other programs found for them."""

import importlib.util

import numpy as np
import pytest

from eyebright.network import zoo

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
TORCHVISION = tuple(sorted(zoo.WEIGHTS.keys() - set(LITE)))


def deviation(found, expected):
    """The largest difference among the first ten logits, relative to the norm of all."""
    norms = np.array(expected["logits_norm"])
    differences = np.abs(found[:, :10] - np.array(expected["logits_first10"])).max(axis=1)
    norms_found = np.linalg.norm(found.astype(np.float64), axis=1)
    return float(max((differences / norms).max(), np.abs(norms_found / norms - 1).max()))


def test_every_published_network_is_in_the_reference(reference):
    assert zoo.WEIGHTS.keys() == reference.keys()


@pytest.mark.parametrize("name", zoo.WEIGHTS)
def test_names_and_shapes_of_all_tensors_are_as_published_and_in_their_order(reference, name):
    tensors = zoo.NETWORKS[name].as_published().tensors
    expected = reference[name]["tensors"]
    assert [[key, list(tensor.shape)] for key, tensor in tensors.items()] == expected


@pytest.mark.parametrize("name", zoo.WEIGHTS)
def test_parameters_and_multiply_adds_are_as_published(reference, name):
    network, expected = zoo.NETWORKS[name].as_published(), reference[name]
    counts = (expected["parameters"], expected["multiply_adds" if name in LITE else "multiply_adds_224"])
    assert (network.parameter_count, network.multiply_adds) == counts


@pytest.mark.parametrize("name", TORCHVISION)
def test_outputs_are_those_of_torchvision(reference, name, waves, filling, logits):
    network = zoo.NETWORKS[name].as_published()
    found = logits(network, filling(network), waves(0, (2, 3, 224, 224)))
    assert deviation(found, reference[name]) < 1e-4


@pytest.mark.parametrize("name", LITE)
def test_outputs_on_imagenet_weights_are_those_of_their_publisher(reference, name, waves, logits):
    package = zoo.WEIGHTS[name].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed: it holds the weights")
    network, expected = zoo.NETWORKS[name].as_published(), reference[name]
    found = logits(network, zoo.published_weights(name), 2 * waves(0, (2, *network.input_shape)) - 1)
    norms = np.linalg.norm(found, axis=1)
    assert (np.abs(found[:, :10] - expected["logits_first10"]).max(axis=1) < 1e-4 * norms).all()
    assert found.argmax(axis=1).tolist() == expected["argmax"]


@pytest.mark.parametrize("name", LITE)
def test_the_digest_of_the_weights_is_the_one_that_their_file_bears(reference, name):
    assert reference[name]["weights_sha256"].startswith(zoo.WEIGHTS[name].digest)
