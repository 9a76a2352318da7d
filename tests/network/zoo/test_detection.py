import numpy as np
import pytest
import torch

from eyebright.model.engine import Engine
from eyebright.network import Network, initial_weights, receptive_fields, zoo
from eyebright.network.onnx import to_onnx
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_the_output_has_a_map_for_each_class_and_four_for_the_sides(stride):
    network = zoo.lite0_detector(5, input_size=96, stride=stride)
    assert network.output_shape == (9, 96 // stride, 96 // stride)
    assert Network.from_json(network.to_json()) == network


def test_the_pyramid_reads_the_last_maps_of_each_stride():
    """Widths of the stages that end at strides 8, 16 and 32: Tan and Le 2019, table 1."""
    network = zoo.lite0_detector(2, input_size=64)
    assert [network.places[name].shape for name in zoo.pyramid_inputs(network)] == [
        (40, 8, 8),
        (112, 4, 4),
        (320, 2, 2),
    ]


def test_its_size_by_hand():
    """The backbone without its head, and a lateral 1x1, a pyramid and two towers of depthwise 3x3 and 1x1."""
    classifier = zoo.efficientnet_lite0()
    backbone = classifier.parameter_count - 320 * 1280 - 2 * 1280 - 1281 * 1000
    laterals = sum(96 * channels + 2 * 96 for channels in (40, 112, 320))
    separable = 9 * 96 + 96 * 96 + 2 * 96
    assert zoo.lite0_detector(3).parameter_count == backbone + laterals + 6 * separable + 97 * (3 + 4)


def test_every_pixel_of_the_output_sees_the_whole_image():
    network = zoo.lite0_detector(3)
    assert min(receptive_fields(network)[network.output]) > 2 * 320


@pytest.mark.parametrize(("settings", "got"), [({"input_size": 300}, "300 and 8"), ({"stride": 2}, "320 and 2")])
def test_sizes_that_do_not_fit_are_refused(settings, got):
    with pytest.raises(NetworkError, match=f"a multiple of 32 and a stride of 4, 8 or 16, got {got}"):
        zoo.lite0_detector(3, **settings)


def test_published_weights_are_those_of_the_backbone_and_the_rest_is_initial(monkeypatch):
    classifier = zoo.efficientnet_lite0()
    published = initial_weights(classifier, 5)
    monkeypatch.setattr("eyebright.network.zoo.detection.published_weights", lambda name, report: published)
    network = zoo.lite0_detector(3)
    weights, initial = zoo.detector_weights(network, seed=2), initial_weights(network, 2)
    for name, values in weights.items():
        if name == "class_head.bias":
            np.testing.assert_allclose(1 / (1 + np.exp(-values)), 0.01, rtol=1e-5)
        else:
            assert np.array_equal(values, (published if name in published else initial)[name]), name
    unused = {name.partition(".")[0] for name in published.keys() - weights.keys()}
    assert unused == {"_conv_head", "_bn1", "_fc"}


def test_torch_openvino_and_the_maps_of_the_backbone_give_the_same():
    network = zoo.lite0_detector(2, input_size=64)
    weights = initial_weights(network, 1)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), np.uint8)
    inputs = zoo.pyramid_inputs(network)
    maps = Engine.of_bytes(to_onnx(network, weights, layers=inputs).SerializeToString()).outputs(pictures)
    module = TorchNetwork(network, weights).eval()
    with torch.no_grad():
        expected = module(as_input(pictures)).numpy()
        from_maps = module.from_values({name: torch.from_numpy(values) for name, values in maps.items()}).numpy()
    in_onnx = Engine.of_bytes(to_onnx(network, weights).SerializeToString())(pictures)
    for found in (from_maps, in_onnx):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
