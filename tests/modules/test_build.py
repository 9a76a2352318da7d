import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator, ops
from torch.nn import functional

from eyebright import zoo
from eyebright.errors import NetworkError
from eyebright.modules import TorchNetwork, as_input
from eyebright.network import (
    Add,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Layer,
    Linear,
    MaxPool2d,
    Network,
    Normalize,
    ReLU,
    initial_weights,
)
from eyebright.network.onnx import to_onnx

PAIR = st.tuples(st.integers(1, 4), st.integers(1, 4))
SIZE = st.tuples(st.integers(1, 9), st.integers(1, 9))
PADDING = st.sampled_from(["same", "valid"]) | st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))
NOISE = np.random.default_rng(3)


def padded(samples, field, stride, padding, value):
    """TensorFlow's padding for "same" as its documentation words it, none for "valid", else alike on both sides."""
    if padding == "same":
        sides = []
        for size, reach, step in zip(samples.shape[:1:-1], field[::-1], stride[::-1], strict=True):
            along = max(reach - (size % step or step), 0)
            sides += [along // 2, along - along // 2]
    else:
        vertical, horizontal = {"valid": (0, 0)}.get(padding, padding if isinstance(padding, tuple) else (padding,) * 2)
        sides = [horizontal, horizontal, vertical, vertical]
    return functional.pad(samples, sides, value=value)


class MaxPool(ops.op_max_pool.MaxPool):
    """ONNX's own reference, without its shortcut for stride 1, which pads wrongly."""

    op_domain = ""

    def _run(self, samples, **attributes):
        return self._max_pool(samples, **attributes)


def in_torch_and_onnx(network, weights, pictures):
    with torch.no_grad():
        in_torch = TorchNetwork(network, weights).eval()(as_input(pictures)).numpy()
    model = to_onnx(network, weights)
    (in_onnx,) = ReferenceEvaluator(model, new_ops=[MaxPool]).run(None, {model.graph.input[0].name: pictures})
    return in_torch, in_onnx


def noise(*shape):
    return NOISE.integers(0, 256, shape, np.uint8)


@settings(max_examples=50, deadline=None)
@given(
    groups=st.integers(1, 2),
    channels=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    size=SIZE,
    kernel=PAIR,
    stride=PAIR,
    padding=PADDING,
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
)
@example(
    groups=2, channels=(2, 3), size=(7, 1), kernel=(3, 1), stride=(1, 3), padding=(2, 2), dilation=(2, 2), bias=True
)
@example(
    groups=1, channels=(1, 1), size=(9, 1), kernel=(3, 1), stride=(3, 2), padding=(0, 1), dilation=(2, 2), bias=True
)
def test_convolutions_agree_with_onnx_and_torch(groups, channels, size, kernel, stride, padding, dilation, bias):
    field = tuple(step * (length - 1) + 1 for length, step in zip(kernel, dilation, strict=True))
    pictures = noise(2, *size, groups * channels[0])
    samples = padded(torch.tensor(pictures).permute(0, 3, 1, 2).float(), field, stride, padding, 0.0)
    assume(samples.shape[2] >= field[0] and samples.shape[3] >= field[1])
    layer = Conv2d(groups * channels[1], kernel, stride, padding, dilation, groups, bias, name="c")
    network = Network.sequential(Input((groups * channels[0], *size)), layer)
    weights = {name: tensor + np.float32(0.01) for name, tensor in initial_weights(network).items()}
    tensors = [torch.tensor(weights[name]).double() for name in ("c.weight", "c.bias") if name in weights]
    expected = functional.conv2d(samples.double(), *tensors, stride=stride, dilation=dilation, groups=groups).numpy()
    for result in in_torch_and_onnx(network, weights, pictures):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5 * 255)


@settings(max_examples=50, deadline=None)
@given(size=SIZE, kernel=PAIR, stride=st.none() | PAIR, padding=PADDING)
@example(size=(3, 4), kernel=(2, 2), stride=(1, 1), padding="same")
def test_pools_agree_with_onnx_and_torch_on_values_below_zero(size, kernel, stride, padding):
    pairs = padding if isinstance(padding, tuple) else (0 if isinstance(padding, str) else padding,) * 2
    assume(all(2 * pad <= length for pad, length in zip(pairs, kernel, strict=True)))
    pictures = noise(2, *size, 2)
    samples = torch.tensor(pictures).permute(0, 3, 1, 2).float() - 300
    samples = padded(samples, kernel, stride or kernel, padding, -torch.inf)
    assume(samples.shape[2] >= kernel[0] and samples.shape[3] >= kernel[1])
    expected = functional.max_pool2d(samples, kernel, stride).numpy()
    network = Network.sequential(Input((2, *size)), Normalize(300.0, 1.0), MaxPool2d(kernel, stride, padding))
    for result in in_torch_and_onnx(network, {}, pictures):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
def test_networks_of_the_zoo_agree_with_onnx(name):
    network = zoo.build(name, num_classes=4, input_size=19)
    in_torch, in_onnx = in_torch_and_onnx(network, initial_weights(network, 1), noise(3, 19, 19, 3))
    np.testing.assert_allclose(in_torch, in_onnx, atol=1e-5)


def test_branches_read_the_same_value_and_add_up():
    inputs = Input((4,))()
    relu = ReLU()(inputs)
    module = TorchNetwork(Network(inputs, Add()(relu, Dropout(0.9)(relu), inputs)), {}).eval()
    assert module(torch.tensor([[-1.0, 2.0, -3.0, 4.0]])).tolist() == [[-1, 6, -3, 12]]


def test_a_vector_network_is_torchs_own():
    network = Network.sequential(
        Input((5,)), Normalize((1.0,) * 5, 2.0), Linear(4, name="a"), ReLU(), Linear(3, name="b")
    )
    weights = initial_weights(network)
    own = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    own.load_state_dict({f"{index}.{key}": torch.tensor(weights[f"{name}.{key}"])
                         for index, name in ((0, "a"), (2, "b")) for key in ("weight", "bias")})  # fmt: skip
    samples = NOISE.standard_normal((6, 5)).astype(np.float32)
    torch.testing.assert_close(TorchNetwork(network, weights)(as_input(samples)), own((torch.tensor(samples) - 1) / 2))


def test_dropout_drops_its_share_in_training_only_and_keeps_the_mean():
    module = TorchNetwork(Network.sequential(Input((60_000,)), Dropout(0.3)), {})
    ones = torch.ones(1, 60_000)
    torch.manual_seed(0)
    dropped = module.train()(ones)
    assert abs(float((dropped == 0).float().mean()) - 0.3) < 0.01
    assert abs(float(dropped.mean()) - 1) < 0.02
    assert torch.equal(module.eval()(ones), ones)


def test_pictures_become_channels_first_floats_that_lie_channels_last():
    pictures = noise(2, 4, 5, 3)
    samples = as_input(pictures)
    assert samples.dtype == torch.float32 and samples.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(samples.numpy(), pictures.transpose(0, 3, 1, 2))


@pytest.fixture
def network():
    return Network.sequential(
        *(Input((3, 6, 6)), Conv2d(4, 4, padding="same", name="stem.conv"), ReLU()),
        *(MaxPool2d(2, 1, padding="same"), Flatten(), Linear(2, name="head")),
    )


def test_weights_go_in_and_out_by_layer_name(network):
    module = TorchNetwork(network, initial_weights(network, 0))
    weights = initial_weights(network, 1)
    module.set_weights(weights)
    found = module.get_weights()
    assert list(found) == ["stem.conv.weight", "stem.conv.bias", "head.weight", "head.bias"]
    assert all(
        np.array_equal(found[name], values) and found[name].flags.c_contiguous for name, values in weights.items()
    )


def test_weights_that_were_taken_out_are_a_copy(network):
    module = TorchNetwork(network, initial_weights(network))
    before = module.get_weights()
    before["head.bias"] += 1
    assert not module.get_weights()["head.bias"].any()


def test_weights_that_were_put_in_are_not_changed_by_training(network):
    weights = initial_weights(network)
    module = TorchNetwork(network, weights)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 1
    assert np.array_equal(weights["head.weight"], initial_weights(network)["head.weight"])


def test_an_optimizer_sees_every_weight_once(network):
    module = TorchNetwork(network, initial_weights(network))
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count


def test_every_weight_gets_a_gradient(network):
    module = TorchNetwork(network, initial_weights(network))
    module(as_input(noise(2, 6, 6, 3))).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_convolutions_lie_channels_last(network):
    module = TorchNetwork(network, initial_weights(network))
    (kernel,) = [parameter for parameter in module.parameters() if parameter.ndim == 4]
    assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_weights_that_do_not_fit_are_refused(network):
    with pytest.raises(NetworkError, match=r"head\.bias: expected \(2,\), got \(3,\)"):
        TorchNetwork(network, initial_weights(network) | {"head.bias": np.zeros(3, np.float32)})


def test_a_layer_without_torch_form_is_refused_with_the_way_to_give_it_one(monkeypatch):
    monkeypatch.setattr(Layer, "kinds", dict(Layer.kinds))

    class Swish(Layer, frozen=True):
        stem = "swish"

    with pytest.raises(NetworkError, match=r"Swish cannot run in torch: register one with to_torch\.register"):
        TorchNetwork(Network.sequential(Input((3,)), Swish()), {})
