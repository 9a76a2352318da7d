import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch

from eyebright.network import (
    Add,
    BatchNorm,
    Concat,
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
    ReLU6,
    Sigmoid,
    Softmax,
    Tanh,
    Unflatten,
    initial_weights,
    zoo,
)
from eyebright.network.torch import TorchNetwork, as_input, to_torch
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("name", ["flowers_cnn", "mlp"])
def test_small_networks_of_the_zoo_agree_with_onnx(answers, noise, name):
    network = zoo.build(name, num_classes=4, input_size=19)
    found = answers(network, initial_weights(network, 1), noise(3, 19, 19), engine=True)
    for who in ("onnx", "openvino"):
        np.testing.assert_allclose(found[who], found["torch"], atol=1e-5, err_msg=who)


def test_branches_read_the_same_value_and_add_up():
    inputs = Input((4,))()
    relu = ReLU()(inputs)
    module = TorchNetwork(Network(inputs, Add()(relu, Dropout(0.9)(relu), inputs)), {}).eval()
    assert module(torch.tensor([[-1.0, 2.0, -3.0, 4.0]])).tolist() == [[-1, 6, -3, 12]]


def test_a_network_of_only_an_input_returns_its_input():
    module = TorchNetwork(Network.sequential(Input((2,))), {})
    assert module(torch.tensor([[1.0, 2.0]])).tolist() == [[1, 2]]


def test_a_layer_that_is_called_twice_has_two_sets_of_weights():
    inputs, layer = Input((2,))(), Linear(2)
    network = Network(inputs, layer(layer(inputs)))
    weights = {"linear_1.weight": [[0, 1], [1, 0]], "linear_1.bias": [0, 0],
               "linear_2.weight": [[2, 0], [0, 3]], "linear_2.bias": [0, 1]}  # fmt: skip
    module = TorchNetwork(network, {name: np.array(values, np.float32) for name, values in weights.items()})
    assert module(torch.tensor([[5.0, 7.0]])).tolist() == [[14, 16]]


def test_values_that_no_later_layer_reads_are_freed():
    inputs = Input((4,), name="in")()
    trunk = Linear(4, name="trunk")(inputs)
    network = Network(inputs, Linear(4, name="last")(Linear(4, name="late")(Add(name="sum")(trunk, ReLU()(trunk)))))
    module = TorchNetwork(network, initial_weights(network)).eval()
    made, alive = [], []

    def remember(_, __, result):
        made.append(weakref.ref(result))
        gc.collect()
        alive.append([value() is not None for value in made])

    for part in module.modules():
        if not list(part.children()):
            part.register_forward_hook(remember)
    with torch.no_grad():
        module(torch.ones(1, 4))
    # trunk; relu beside the trunk it reads; their sum; then each value only while the next is computed
    assert alive == [
        [True],
        [True, True],
        [True, True, True],
        [False, False, True, True],
        [False, False, False, True, True],
    ]


def test_images_become_channels_first_floats_in_channels_last_order(noise):
    pictures = noise(3, 4, 5)
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


def test_get_weights_returns_a_copy(network):
    module = TorchNetwork(network, initial_weights(network))
    before = module.get_weights()
    before["head.bias"] += 1
    assert not module.get_weights()["head.bias"].any()


def test_training_does_not_change_the_given_weights(network):
    weights = initial_weights(network)
    module = TorchNetwork(network, weights)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 1
    assert np.array_equal(weights["head.weight"], initial_weights(network)["head.weight"])


def test_parameters_are_those_of_the_network(network):
    module = TorchNetwork(network, initial_weights(network))
    assert sum(parameter.numel() for parameter in module.parameters()) == network.parameter_count


def test_every_weight_gets_a_gradient(network, noise):
    module = TorchNetwork(network, initial_weights(network))
    module(as_input(noise(3, 6, 6))).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_running_statistics_belong_to_the_weights():
    pictures = Input((2, 4, 4))()
    network = Network(pictures, Concat()(BatchNorm(name="a")(pictures), BatchNorm(name="b")(pictures)))
    weights = {name: np.full(tensor.shape, index + 1, np.float32)
               for index, (name, tensor) in enumerate(network.tensors.items())}  # fmt: skip
    module = TorchNetwork(network, initial_weights(network))
    module.set_weights(weights)
    found = module.get_weights()
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in weights.items()
    }
    found["a.running_mean"] += 1
    assert module.get_weights()["a.running_mean"].tolist() == weights["a.running_mean"].tolist()


def test_kernels_are_stored_channels_last(network):
    module = TorchNetwork(network, initial_weights(network))
    (kernel,) = [parameter for parameter in module.parameters() if parameter.ndim == 4]
    assert kernel.is_contiguous(memory_format=torch.channels_last)


def test_weights_that_do_not_fit_are_refused(network):
    with pytest.raises(NetworkError, match=r"head\.bias: expected \(2,\), got \(3,\)"):
        TorchNetwork(network, initial_weights(network) | {"head.bias": np.zeros(3, np.float32)})


def test_a_layer_without_torch_module_is_refused_and_registration_suggested(monkeypatch):
    monkeypatch.setattr(Layer, "types", dict(Layer.types))

    class Swish(Layer, frozen=True):
        stem = "swish"

    with pytest.raises(NetworkError, match=r"Swish cannot run in torch: register a function with to_torch\.register"):
        TorchNetwork(Network.sequential(Input((3,)), Swish()), {})


def test_frozen_layers_have_no_gradient_and_keep_their_statistics_after_train():
    network = Network.sequential(
        Input((3, 6, 6)),
        Conv2d(4, 3, name="a"),
        BatchNorm(name="b"),
        ReLU(),
        Conv2d(4, 3, name="c"),
        BatchNorm(name="d"),
    )
    module = TorchNetwork(network, initial_weights(network))
    module.freeze({"a", "b"})
    before = module.get_weights()
    module.eval()
    module.train()
    module(torch.randn(8, 3, 6, 6)).sum().backward()
    learned = {name for name, tensor in module.named_tensors() if tensor.grad is not None}
    assert learned == {"c.weight", "c.bias", "d.weight", "d.bias"}
    changed = {name for name, values in module.get_weights().items() if not np.array_equal(values, before[name])}
    assert changed == {"d.running_mean", "d.running_var"}


def test_kept_statistics_are_used_in_training_and_not_updated():
    network = Network.sequential(Input((3, 6, 6)), BatchNorm(name="b"))
    weights = initial_weights(network) | {"b.running_mean": np.full(3, 2, np.float32)}
    module = TorchNetwork(network, weights)
    module.keep_statistics()
    samples = torch.randn(8, 3, 6, 6)
    result = module.train()(samples)
    torch.testing.assert_close(result, (samples - 2) / (1 + 1e-5) ** 0.5)
    result.sum().backward()
    assert {name for name, tensor in module.named_tensors() if tensor.grad is not None} == {"b.weight", "b.bias"}
    assert np.array_equal(module.get_weights()["b.running_mean"], weights["b.running_mean"])


def test_every_layer_gives_the_same_in_torch_onnx_and_openvino(answers, noise, any_network, any_weights):
    found = answers(any_network, any_weights, noise(3, 9, 8), engine=True)
    assert {result.shape for result in found.values()} == {(2, *any_network.output_shape)}
    assert found["torch"].std() > 0
    for who in ("onnx", "openvino"):
        np.testing.assert_allclose(found[who], found["torch"], rtol=1e-5, atol=1e-5, err_msg=who)


def test_every_torch_module_has_the_tensors_of_its_layer(any_layer, any_network):
    place = any_network.places["own"]
    module = to_torch(any_layer, place)
    learned = {name: tuple(getattr(module, name).shape) for name in place.parameters}
    assert learned == {name: parameter.shape for name, parameter in place.parameters.items()}
    assert all(getattr(module, name).requires_grad for name in place.parameters)
    assert sum(parameter.numel() for parameter in module.parameters()) == sum(p.size for p in place.parameters.values())
    for name in place.tensors.keys() - place.parameters.keys():
        assert not getattr(module, name).requires_grad


def test_weights_of_every_layer_go_in_and_out_unchanged(any_network, any_weights):
    found = TorchNetwork(any_network, any_weights).get_weights()
    assert found.keys() == any_weights.keys()
    assert all(np.array_equal(found[name], values) for name, values in any_weights.items())


def test_gradients_of_every_layer_reach_the_image_and_all_parameters(noise, any_network, any_weights):
    module = TorchNetwork(any_network, any_weights).eval()
    samples = torch.tensor(noise(3, 9, 8)).permute(0, 3, 1, 2).float().requires_grad_()
    module(samples).square().sum().backward()
    assert samples.grad.any() and torch.isfinite(samples.grad).all()
    assert all(parameter.grad.any() for parameter in module.parameters())


@pytest.mark.parametrize("source", [Conv2d(3, 1, name="c"), BatchNorm(name="c"), MaxPool2d(1, name="c")])
@pytest.mark.parametrize("merge", [Add(name="end"), Concat(name="end")])
def test_a_value_that_another_layer_reads_is_not_overwritten(source, merge):
    """Add(c, ReLU(c)) is c + max(c, 0), and its gradient that of both."""
    inputs = Input((3, 4, 4), name="in")()
    value = source(inputs)
    network = Network(inputs, merge(value, ReLU(name="r")(value)))
    weights = initial_weights(network, 3)
    alone = network.up_to("c")
    module = TorchNetwork(network, weights).eval()
    samples = torch.linspace(-5, 5, 96).reshape(2, 3, 4, 4)
    before = TorchNetwork(alone, {name: weights[name] for name in alone.tensors}).eval()(samples)
    parts = [before, before.clamp(min=0)]
    assert (before < 0).any()
    torch.testing.assert_close(module(samples), sum(parts) if isinstance(merge, Add) else torch.cat(parts, dim=1))


@pytest.mark.parametrize("source", [Sigmoid(), Tanh(), Softmax()])
def test_a_value_that_a_gradient_needs_is_not_overwritten(source):
    """The gradient of a sigmoid, for one, is computed from its output. Expected values are by central differences."""
    network = Network.sequential(Input((5,)), source, Normalize(0.3, 1.0), source, ReLU6())
    module = TorchNetwork(network, {}).double()
    samples = torch.linspace(-2, 2, 10, dtype=torch.float64).reshape(2, 5).requires_grad_()
    assert torch.autograd.gradcheck(module, (samples,))


def test_threads_wait_without_spinning_since_the_setting_is_made_before_torch_is_imported():
    """torch reads OMP_WAIT_POLICY when it is imported."""
    script = (
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'torch': print(os.environ.get('OMP_WAIT_POLICY'))\n"
        "sys.meta_path.insert(0, Finder)\n"
        "import eyebright.network.torch\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "PASSIVE\n"


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(9, 8), (23, 30)])
def test_every_layer_computes_the_same_on_a_gpu_and_its_gradients_have_the_same_bits(any_layer, shape):
    if isinstance(any_layer, Dropout):
        pytest.skip("its random numbers are those of the device")
    images = Input((3, *shape))()
    channels = 3 if isinstance(any_layer, Normalize) else 6
    values = Conv2d(channels, 3, padding="same", bias=False)(Normalize(128.0, 32.0)(images))
    if isinstance(any_layer, Linear | Unflatten):
        values = Flatten()(values)
    network = Network(images, any_layer(*([values, ReLU()(values)] if any_layer.arity()[1] > 1 else [values])))
    weights = initial_weights(network, 1)
    samples = as_input(np.random.default_rng(0).integers(0, 256, (16, *shape, 3), np.uint8))
    found = []
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for device in ("cpu", "cuda", "cuda", "cuda"):
            module = TorchNetwork(network, weights).to(device).train()
            result = module(samples.to(device))
            (result * torch.arange(result.numel()).reshape(result.shape).sin().to(device)).sum().backward()
            gradients = [tensor.grad.cpu() for _, tensor in module.named_tensors() if tensor.grad is not None]
            found.append([result.detach().cpu(), *gradients])
    for expected, first, *others in zip(*found, strict=True):
        assert float((first - expected).abs().max()) <= 1e-3 * max(float(expected.abs().max()), 1)
        assert all(torch.equal(first, other) for other in others)


@pytest.fixture
def branched():
    """A trunk whose value is read by a ReLU that overwrites it, and a branch that adds the trunk's input again."""
    pictures = Input((3, 6, 6), name="pictures")()
    stem = Conv2d(4, 3, padding=1, name="stem")(pictures)
    trunk = ReLU(name="relu")(BatchNorm(name="trunk")(stem))
    return Network(pictures, Add(name="sum")(Conv2d(4, 1, name="late")(trunk), stem))


def test_an_output_follows_from_the_values_of_inner_layers(branched, noise):
    module = TorchNetwork(branched, initial_weights(branched, 1)).eval()
    samples = as_input(noise(3, 6, 6))
    with torch.no_grad():
        given = {
            name: TorchNetwork(part := branched.up_to(name), {k: module.get_weights()[k] for k in part.tensors}).eval()(
                samples
            )
            for name in ("stem", "trunk")
        }
        before = given["trunk"].clone()
        assert torch.equal(module.from_values(given), module(samples))
        assert torch.equal(given["trunk"], before) and (before < 0).any()  # the ReLU has not overwritten it
        assert torch.equal(module.from_values({"pictures": samples}), module(samples))
        assert torch.equal(module.from_values({"sum": before}), before)


@pytest.mark.parametrize(
    ("given", "message"), [("trunk", "'sum' does not follow from the values of trunk"), ("trunc", "no layer 'trunc'")]
)
def test_values_that_do_not_decide_the_output_are_refused(branched, given, message):
    module = TorchNetwork(branched, initial_weights(branched))
    with pytest.raises(NetworkError, match=message):
        module.from_values({given: torch.zeros(1, 4, 6, 6)})


@pytest.mark.parametrize("name", ["hidden", "relu"])
def test_inner_layers_give_what_a_network_that_ends_there_gives(name, noise):
    inputs = Input((3, 8, 8))()
    hidden = Conv2d(4, 3, name="hidden")(inputs)
    after = ReLU(name="relu")(hidden)  # overwrites what it reads, unless that is asked for
    network = Network(inputs, Linear(2)(Flatten()(after)))
    weights, images = initial_weights(network, 1), as_input(noise(3, 8, 8))
    found = TorchNetwork(network, weights).layers(images, ["hidden", "relu"])
    shorter = network.up_to(name)
    expected = TorchNetwork(shorter, {key: weights[key] for key in shorter.tensors})(images)
    assert torch.equal(found[name], expected) and found.keys() == {"hidden", "relu"}


def test_layers_that_do_not_exist_cannot_be_asked_for(branched, noise):
    with pytest.raises(NetworkError, match="nowhere"):
        TorchNetwork(branched, initial_weights(branched, 1)).layers(as_input(noise(3, 8, 8)), ["nowhere"])
