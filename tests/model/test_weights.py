"""Weights that travel: between models, between layers, and through files, the same for both kinds of model."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from eyebright.model.classifier import Classifier
from eyebright.model.plain import Model
from eyebright.model.weights import Weighted
from eyebright.network import BatchNorm, Conv2d, Flatten, Input, Linear, MaxPool2d, Network, ReLU
from eyebright.system.errors import NetworkError

DIGITS = {  # the dense layers of the notes: (out, in), as PyTorch has them
    "dense_1.weight": (64, 784), "dense_1.bias": (64,), "dense_2.weight": (64, 64), "dense_2.bias": (64,),
    "predictions.weight": (10, 64), "predictions.bias": (10,),
}  # fmt: skip


def sequential() -> Network:
    return Network.sequential(
        Input((784,), name="digits"),
        Linear(64, name="dense_1"),
        ReLU(),
        Linear(64, name="dense_2"),
        ReLU(),
        Linear(10, name="predictions"),
    )


def functional() -> Network:
    digits = Input((784,), name="digits")()
    hidden = ReLU()(Linear(64, name="dense_2")(ReLU()(Linear(64, name="dense_1")(digits))))
    return Network(digits, Linear(10, name="predictions")(hidden))


def pictures_network() -> Network:
    return Network.sequential(
        Input((3, 8, 8)), Conv2d(4, 3, name="conv"), BatchNorm(name="norm"), MaxPool2d(2), Flatten(), Linear(2)
    )


def model_of(seed: int = 0) -> Weighted:
    return Model(sequential(), seed=seed)


def classifier_of(seed: int = 0) -> Weighted:
    return Classifier(pictures_network(), ["a", "b"], seed=seed)


both = pytest.mark.parametrize("make", [model_of, classifier_of])


def same(one: Weighted, other: Weighted) -> bool:
    first, second = one.get_weights(), other.get_weights()
    return list(first) == list(second) and all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_weights_go_by_layer_and_tensor():
    assert {name: values.shape for name, values in model_of().get_weights().items()} == DIGITS


@both
def test_a_checkpoint_comes_back_to_the_last_bit(make, tmp_path):
    one, other = make(seed=1), make(seed=2)
    assert one.save_weights(tmp_path / "ckpt") == tmp_path / "ckpt.safetensors"
    assert not same(one, other)
    report = other.load_weights(tmp_path / "ckpt")
    report.assert_consumed()
    assert report.consumed == tuple(one.network.tensors)
    assert same(one, other)


def test_running_statistics_are_in_the_checkpoint(tmp_path):
    saved = load_file(classifier_of().save_weights(tmp_path / "ckpt"))
    assert_array_equal(saved["norm.running_var"], np.ones(4, np.float32))


def test_sequential_and_functional_networks_take_each_others_weights(tmp_path):
    one, other = Model(sequential(), seed=1), Model(functional(), seed=2)
    other.load_weights(one.save_weights(tmp_path / "ckpt")).assert_consumed()
    samples = np.random.default_rng(0).random((5, 784), np.float32)
    assert one.predict(samples).tobytes() == other.predict(samples).tobytes()


def test_a_state_dict_of_pytorch_is_read_as_it_is(tmp_path):
    import torch
    from torch import nn

    layers = {"dense_1": nn.Linear(784, 64), "dense_2": nn.Linear(64, 64), "predictions": nn.Linear(64, 10)}
    module = nn.Sequential(OrderedDict(layers))
    torch.save(module.state_dict(), tmp_path / "digits.pth")
    model = Model(sequential())
    model.load_weights(tmp_path / "digits.pth").assert_consumed()
    samples = torch.rand(3, 784)
    first, second, third = module
    expected = third(second(first(samples).relu()).relu()).detach().numpy()
    assert model.predict(samples.numpy()) == pytest.approx(expected, abs=1e-5)


def test_every_difference_is_listed_and_nothing_is_loaded(tmp_path):
    weights = {name: np.full(shape, 7, np.float32) for name, shape in DIGITS.items()}
    weights["dense_1.weight"] = np.full((32, 784), 7, np.float32)
    weights["dense_2.bias"] = np.full(1, 7, np.float32)
    weights["extra.weight"] = weights.pop("predictions.bias")
    save_file(weights, tmp_path / "ckpt.safetensors")
    model = model_of(seed=3)
    with pytest.raises(NetworkError) as caught:
        model.load_weights(tmp_path / "ckpt")
    for words in (
        "3 tensors fit", "1 missing (predictions.bias)", "1 unexpected (extra.weight)", "2 with the wrong shape",
        "dense_1.weight: expected (64, 784), got (32, 784)", "dense_2.bias: expected (64,), got (1,)",
    ):  # fmt: skip
        assert words in str(caught.value)
    assert same(model, model_of(seed=3))


def test_what_fits_is_taken_when_asked_for_and_the_rest_reported(tmp_path):
    weights = {"dense_1.bias": np.full(64, 7, np.float32), "dense_2.bias": np.zeros(1, np.float32), "x": np.zeros(1)}
    save_file(weights, tmp_path / "part.safetensors")
    model = model_of(seed=3)
    report = model.load_weights(tmp_path / "part", strict=False)
    assert report.consumed == ("dense_1.bias",)
    assert report.missing == tuple(name for name in DIGITS if name not in weights)
    assert report.unexpected == ("x",)
    assert report.mismatched == {"dense_2.bias": "expected (64,), got (1,)"}
    changed = {
        name for name, values in model.get_weights().items() if (values != model_of(3).get_weights()[name]).any()
    }
    assert changed == {"dense_1.bias"}
    assert_array_equal(model.get_weights()["dense_1.bias"], np.full(64, 7))
    with pytest.raises(NetworkError, match=r"do not fit the network: 1 tensor fits; 4 missing"):
        report.assert_consumed()


def test_weights_that_are_no_numbers_are_loaded_with_a_warning(tmp_path):
    model = model_of()
    weights = model.get_weights() | {"dense_2.bias": np.full(64, np.nan, np.float32)}
    save_file(weights, tmp_path / "ckpt.safetensors")
    with pytest.warns(UserWarning, match=r"NaN or infinite, in dense_2\.bias"):
        model.load_weights(tmp_path / "ckpt").assert_consumed()


def test_a_checkpoint_that_is_not_there_or_not_sound_is_explained(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    for name, words in (
        ("nowhere", r"nowhere does not exist: expected a file"),
        ("cut", r"cut\.safetensors is damaged"),
    ):
        with pytest.raises(NetworkError, match=words):
            model_of().load_weights(tmp_path / name)


@both
def test_what_was_given_out_is_a_copy(make):
    model = make(seed=1)
    for values in model.get_weights().values():
        values[...] = 5
    name = next(iter(model.get_weights())).rpartition(".")[0]
    for values in model.layer(name).get_weights().values():
        values[...] = 5
    assert same(model, make(seed=1))


def test_what_was_taken_in_is_a_copy_and_the_answers_follow():
    model = Model(Network.sequential(Input((2,)), Linear(1, name="dense")))
    samples = np.array([[1, 10]], np.float32)
    weight, bias = np.array([[2, 3]], np.float32), np.array([4], np.float32)
    model.set_weights({"dense.weight": weight, "dense.bias": bias})
    assert model.predict(samples) == pytest.approx(np.array([[1 * 2 + 10 * 3 + 4]]))
    weight[...] = 0
    assert_array_equal(model.get_weights()["dense.weight"], [[2, 3]])
    assert model.predict(samples) == pytest.approx(np.array([[36]]))
    model.layer("dense").set_weights({"weight": np.array([[0.5, 0.25]]), "bias": [-3]})
    assert model.predict(samples) == pytest.approx(np.array([[1 * 0.5 + 10 * 0.25 - 3]]))


@given(seed=st.integers(0, 2**31), source=st.sampled_from(["dense_1", "dense_2"]))
@settings(max_examples=25, deadline=None)
def test_a_layer_takes_the_weights_of_another_of_its_shapes_and_no_other_layer_changes(seed, source):
    layers = [Input((6,)), Linear(6, name="dense_1"), ReLU(), Linear(6, name="dense_2"), Linear(2, name="last")]
    network = Network.sequential(*layers)
    one, other = Model(network, seed=seed), Model(network, seed=seed + 1)
    before = other.get_weights()
    other.layer("dense_2").set_weights(one.layer(source).get_weights())
    after, given_out = other.get_weights(), one.get_weights()
    assert_array_equal(after["dense_2.weight"], given_out[f"{source}.weight"])
    for name in ("dense_1.weight", "dense_1.bias", "last.weight", "last.bias"):
        assert_array_equal(after[name], before[name])


def test_a_layers_weights_go_by_their_names_within_the_layer():
    found = {name: values.shape for name, values in classifier_of().layer("norm").get_weights().items()}
    assert found == {"weight": (4,), "bias": (4,), "running_mean": (4,), "running_var": (4,)}
    assert model_of().layer("relu_1").get_weights() == {}


def test_a_layers_weights_of_other_shapes_are_all_listed_and_none_is_taken():
    model = model_of(seed=1)
    with pytest.raises(
        NetworkError,
        match=r"expected the weights weight, bias for the layer 'dense_2', got weight, scale",
    ):
        model.layer("dense_2").set_weights({"weight": np.zeros((64, 784)), "scale": np.zeros(1)})
    with pytest.raises(NetworkError, match=r"dense_2.weight: expected \(64, 64\), got \(64, 784\)"):
        model.layer("dense_2").set_weights({"weight": np.zeros((64, 784)), "bias": np.zeros(64)})
    assert same(model, model_of(seed=1))


def test_a_layer_whose_name_begins_like_anothers_does_not_touch_it():
    network = Network.sequential(Input((2,)), Linear(2, name="block"), Linear(2, name="block.inner"))
    model = Model(network)
    weights = model.layer("block").get_weights()
    with pytest.raises(
        NetworkError, match=r"expected the weights weight, bias for .*, got weight, bias, inner\.weight"
    ):
        model.layer("block").set_weights(weights | {"inner.weight": np.zeros((2, 2))})
    assert same(model, Model(network))


def test_an_unknown_layer_names_the_nearest():
    with pytest.raises(NetworkError, match=r"no layer 'dense1': did you mean 'dense_1'\?"):
        model_of().layer("dense1")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([np.zeros((64, 784))], r"expected a dict of weights by name, as get_weights returns it, got a list"),
        (dict.fromkeys(DIGITS, "x"), r"'dense_1\.weight' are not an array of numbers"),
        ({"dense_1.weight": [[1], [1, 2]]}, r"'dense_1\.weight' are not an array of numbers"),
    ],
)
def test_what_is_no_weights_is_refused_and_nothing_changes(weights, words):
    model = model_of(seed=1)
    with pytest.raises(NetworkError, match=words):
        model.set_weights(weights)
    assert same(model, model_of(seed=1))


@both
def test_the_summary_has_a_line_for_each_layer(make):
    model = make()
    text = model.summary()
    assert all(any(line.split()[0] == name for line in text.splitlines()) for name in model.network.places)
    assert f"{sum(values.size for name, values in model.get_weights().items() if 'running' not in name):,}" in text


def test_a_checkpoint_below_a_file_cannot_be_written(tmp_path: Path):
    from eyebright.system.errors import OutputError

    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        model_of().save_weights(tmp_path / "file" / "ckpt")
