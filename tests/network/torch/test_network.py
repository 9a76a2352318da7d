import gc
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
    ReLU,
    initial_weights,
    zoo,
)
from eyebright.network.torch import TorchNetwork, as_input
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


def test_a_network_of_nothing_but_its_input_gives_what_it_gets():
    module = TorchNetwork(Network.sequential(Input((2,))), {})
    assert module(torch.tensor([[1.0, 2.0]])).tolist() == [[1, 2]]


def test_a_layer_that_is_called_twice_has_two_sets_of_weights():
    inputs, layer = Input((2,))(), Linear(2)
    network = Network(inputs, layer(layer(inputs)))
    weights = {"linear_1.weight": [[0, 1], [1, 0]], "linear_1.bias": [0, 0],
               "linear_2.weight": [[2, 0], [0, 3]], "linear_2.bias": [0, 1]}  # fmt: skip
    module = TorchNetwork(network, {name: np.array(values, np.float32) for name, values in weights.items()})
    assert module(torch.tensor([[5.0, 7.0]])).tolist() == [[14, 16]]


def test_what_no_layer_will_read_any_more_is_let_go():
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


def test_pictures_become_channels_first_floats_that_lie_channels_last(noise):
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


def test_every_weight_gets_a_gradient(network, noise):
    module = TorchNetwork(network, initial_weights(network))
    module(as_input(noise(3, 6, 6))).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


def test_running_statistics_go_in_and_out_with_the_weights():
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


def test_frozen_layers_have_no_gradient_and_keep_their_statistics_however_often_one_says_train():
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
