import numpy as np
import pytest

from eyebright.network import (
    Add,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Input,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Network,
    Normalize,
    ReLU,
    ReLU6,
    initial_weights,
    zoo,
)
from eyebright.network.answering import Answering
from eyebright.network.litert import to_litert, to_litert_int8

pytest.importorskip("ai_edge_quantizer", reason="needs ai-edge-quantizer")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (20, 24, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    """A stem, a block with a depthwise convolution and a shortcut, and a head."""
    pictures = Input((3, 24, 24))()
    stem = ReLU6()(BatchNorm()(Conv2d(64, 3, 2, 1, bias=False)(Normalize()(pictures))))
    deep = ReLU6()(Conv2d(64, 3, padding=1, groups=64)(stem))
    block = Add()(stem, Conv2d(64, 1)(deep))
    return Network(pictures, Linear(5)(GlobalAvgPool2d()(MaxPool2d(2)(ReLU()(block)))))


@pytest.fixture(scope="module")
def content(network, images):
    return to_litert_int8(network, initial_weights(network, 1), Answering(), images, classes=list("abcde"))


def outputs(content, samples):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content).get_signature_runner()(pictures=samples)


@pytest.mark.parametrize("batch", [1, 3])
def test_int8_answers_almost_as_float32(content, network, images, batch):
    full = to_litert(network, initial_weights(network, 1), Answering())
    expected, found = outputs(full, images[:batch]), outputs(content, images[:batch])
    assert {name: values.dtype for name, values in found.items()} == {"probabilities": np.float32, "answer": np.int32}
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=0.01)
    assert np.abs(found["probabilities"] - expected["probabilities"]).max() > 1e-5


def test_what_comes_before_and_after_the_network_is_float32(content, operators):
    kinds = operators(content)
    first, last = kinds.index("QUANTIZE"), len(kinds) - kinds[::-1].index("DEQUANTIZE")
    assert kinds[:first] == ["CAST", "SUB", "DIV"]
    assert kinds[last:] == ["DIV", "SOFTMAX", "REDUCE_MAX", "ARG_MAX", "LESS", "SELECT_V2"]
    assert (kinds.count("QUANTIZE"), kinds.count("DEQUANTIZE")) == (1, 1)


def test_weights_have_a_scale_for_each_output_channel(content, read):
    tensors = {tensor.name.decode(): tensor for tensor in read(content).subgraphs[0].tensors}
    assert [len(tensors[f"conv_{number}.weight"].quantization.scale) for number in (1, 2, 3)] == [64, 64, 64]
    assert all(tensors[f"conv_{number}.weight"].type == 9 for number in (1, 2, 3))  # int8


def test_the_same_network_and_images_give_the_same_bytes(content, network, images):
    again = to_litert_int8(network, initial_weights(network, 1), Answering(), images, classes=list("abcde"))
    assert again == content


def test_metadata_and_labels_stay(content, read):
    assert [entry.name for entry in read(content).metadata] == [b"TFLITE_METADATA"] and b"labels.txt" in content[-200:]


@pytest.mark.parametrize("layer", [LocalResponseNorm(), LayerNorm(), MaxPool2d(3, 2, 1)], ids=lambda layer: layer.stem)
def test_layers_that_int8_would_spoil_stay_in_float32(layer, operators, images):
    network = Network.sequential(Input((3, 24, 24)), Normalize(), Conv2d(8, 3), layer, Flatten(), Linear(3))
    weights = initial_weights(network, 1)
    found, kept = (operators(make(network, weights, *more))
                   for make, more in ((to_litert_int8, (Answering(), images)), (to_litert, ())))  # fmt: skip
    own = kept[kept.index("CONV_2D") + 1 : kept.index("TRANSPOSE")]
    begin = found.index("DEQUANTIZE") + 1
    assert found[begin : begin + len(own) + 1] == [*own, "QUANTIZE"]


def test_the_first_convolutions_of_many_are_exact(operators):
    network = zoo.efficientnet_lite0(3, input_size=32)
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    kinds = operators(to_litert_int8(network, initial_weights(network), Answering(), images))
    before = kinds[: kinds.index("QUANTIZE")]
    assert [kind for kind in before if "CONV" in kind] == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"] * 2


def test_nothing_is_printed(network, images, capfd):
    to_litert_int8(network, initial_weights(network), Answering(), images[:2])
    assert capfd.readouterr() == ("", "")
