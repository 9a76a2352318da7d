import numpy as np
import pytest

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.importing.scales import SCALES, scaled, takes_pixels
from eyebright.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Network,
    Normalize,
    ReLU,
    ZeroPad2d,
    initial_weights,
)
from eyebright.system.errors import ModelError, SettingsError

SAMPLES = np.random.default_rng(0).integers(0, 256, (2, 6, 5, 3), np.uint8)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
EXPECTED = {  # the functions of keras.applications.imagenet_utils and torchvision.transforms, on pixels with red first
    "0-255": lambda x: x,
    "0-1": lambda x: x / 255,
    "-1-1": lambda x: x / 127.5 - 1,
    "imagenet": lambda x: (x / 255 - MEAN) / STD,
    "imagenet-caffe": lambda x: x[..., ::-1] - np.array([103.939, 116.779, 123.68]),
}


def of(*layers):
    network = Network.sequential(Input((3, 6, 5)), *layers)
    weights = {name: values + np.float32(0.1) * np.arange(values.size, dtype=np.float32).reshape(values.shape) % 1
               for name, values in initial_weights(network).items()}  # fmt: skip
    return network, weights


def run(network, weights, samples):
    return Engine.of_bytes(onnx_graph(network, weights))(samples)


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_that_of_the_program_that_trained_with_it(scale):
    """A convolution on given pixels equals the same convolution on values that were scaled before it."""
    network, weights = of(ZeroPad2d((1, 0, 2, 0)), Conv2d(4, 3, bias=False, name="conv"), ReLU(), GlobalAvgPool2d())
    values = np.pad(EXPECTED[scale](SAMPLES.astype(np.float64)), ((0, 0), (2, 0), (1, 0), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(1, 2))
    expected = np.maximum(np.einsum("nhwcij,ocij->nohw", windows, weights["conv.weight"]), 0).mean(axis=(2, 3))
    np.testing.assert_allclose(run(*scaled(network, weights, scale), SAMPLES), expected, rtol=1e-4, atol=1e-4)


def test_reversed_channels_reach_the_first_convolution():
    layers = [
        Normalize((0.1, 0.2, 0.3), (0.5, 1.0, 1.5), name="own"),
        BatchNorm(name="norm"),
        Conv2d(2, 1, name="conv"),
    ]
    network, weights = of(*layers, GlobalAvgPool2d())
    without_scale = run(network, weights, SAMPLES[..., ::-1])
    found, own = scaled(network, weights, "imagenet-caffe")
    left_out = [place.layer for name, place in found.places.items() if name != "scale"]
    same = Network.sequential(*left_out)
    np.testing.assert_allclose(run(same, own, SAMPLES), without_scale, rtol=1e-5)


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ([Normalize(0.0, 255.0)], True),
        ([ZeroPad2d((1, 1, 1, 1)), Normalize(127.5, 127.5)], True),
        ([Normalize((123.68, 116.779, 103.939), 1.0)], True),
        ([Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))], False),
        ([ReLU(), Normalize(0.0, 255.0)], False),
        ([], False),
    ],
)
def test_a_network_that_begins_by_scaling_pixels_is_recognised(layers, found):
    assert takes_pixels(of(*layers, Flatten())[0]) == found


def test_a_scale_is_asked_for_and_not_guessed():
    with pytest.raises(
        ModelError,
        match=r"does not say how the pixels were scaled(.|\n)*add --scale with one of(.|\n)* -1-1 +divided by 127",
    ):
        scaled(*of(Flatten()), "")
    with pytest.raises(ModelError, match="its first layers scale the pixels: leave out --scale 0-1"):
        scaled(*of(Normalize(0.0, 255.0), Flatten()), "0-1")
    with pytest.raises(SettingsError, match="unknown scale '0-2': did you mean"):
        scaled(*of(Flatten()), "0-2")
    with pytest.raises(ModelError, match="cannot be turned: 'flatten_1' reads them, not a convolution"):
        scaled(*of(Flatten()), "imagenet-caffe")
