import math

import numpy as np
import pytest

from eyebright.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Parameter,
    ReLU,
    check_weights,
    compare_weights,
    initial_weights,
)
from eyebright.network.weights import initial_tensor
from eyebright.system.errors import NetworkError

SHAPE, FAN_IN, FAN_OUT = (200, 500), 500, 200

EXCESS = {
    "he_normal": 2.0,
    "he_uniform": 0.8,
    "glorot_uniform": 0.8,
}  # variance of (x / sigma)^2: normal 2, uniform 4/5

VARIANCE = {"he_normal": 2 / FAN_IN, "he_uniform": 2 / FAN_IN, "glorot_uniform": 2 / (FAN_IN + FAN_OUT)}

RULES = sorted(VARIANCE)


def values(rule: str, seed: int = 0, name: str = "dense.weight") -> np.ndarray:
    return initial_tensor(Parameter(SHAPE, rule, FAN_IN, FAN_OUT), seed, name)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_mean_and_variance_are_those_of_the_rule(rule, seed):
    found = values(rule, seed).astype(np.float64)
    assert abs(found.mean()) < 5 * math.sqrt(VARIANCE[rule] / found.size)
    assert abs(found.var() / VARIANCE[rule] - 1) < 5 * math.sqrt(EXCESS[rule] / found.size)


@pytest.mark.parametrize("rule", ["he_uniform", "glorot_uniform"])
def test_uniform_rules_fill_their_interval_and_do_not_leave_it(rule):
    limit = math.sqrt(3 * VARIANCE[rule])
    assert 0.999 * limit < np.abs(values(rule)).max() <= np.float32(limit)


def test_he_normal_has_normal_tails():
    assert abs((np.abs(values("he_normal")) > 2 * math.sqrt(2 / FAN_IN)).mean() - 0.0455) < 0.004


@pytest.mark.parametrize("rule", RULES)
def test_the_same_seed_and_name_give_the_same_values(rule):
    assert np.array_equal(values(rule), values(rule))


@pytest.mark.parametrize(("seed", "name"), [(1, "dense.weight"), (0, "dense.weights"), (-1, "dense.weight")])
def test_other_seeds_and_names_give_independent_values(seed, name):
    first, second = values("he_normal").ravel(), values("he_normal", seed, name).ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(first.size)


@pytest.mark.parametrize(("rule", "value"), [("zeros", 0), ("ones", 1)])
def test_constant_rules(rule, value):
    assert np.array_equal(initial_tensor(Parameter((3, 2), rule), 0, "x"), np.full((3, 2), value, np.float32))


def test_initial_weights_of_a_layer_do_not_depend_on_other_layers():
    head = [Flatten(), Linear(5, name="head")]
    one = Network.sequential(Input((3, 6, 6)), *head)
    other = Network.sequential(Input((3, 6, 6)), Conv2d(3, 3, padding="same"), ReLU(), *head)
    assert np.array_equal(initial_weights(one, 3)["head.weight"], initial_weights(other, 3)["head.weight"])


def test_every_tensor_has_its_name_shape_and_float32():
    weights = initial_weights(Network.sequential(Input((4, 6, 6)), Conv2d(8, 3, groups=2, name="c"), Flatten()))
    assert {name: tensor.shape for name, tensor in weights.items()} == {"c.weight": (8, 2, 3, 3), "c.bias": (8,)}
    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float32)}
    assert not weights["c.bias"].any()


def test_layers_use_their_initializer():
    network = Network.sequential(Input((1000,)), Linear(100, name="a"), Linear(1000, initializer="he_normal", name="b"))
    weights = initial_weights(network)
    assert abs(weights["a.weight"].var() * (1000 + 100) / 2 - 1) < 0.03
    assert abs(weights["b.weight"].var() * 100 / 2 - 1) < 0.03


def test_a_network_with_too_many_parameters_is_refused_before_memory_is_allocated():
    network = Network.sequential(Input((3, 20_000, 20_000)), Flatten(), Linear(9000))
    with pytest.raises(NetworkError, match=r"10,800,000,009,000 parameters, more than .*weight smaller, which has"):
        initial_weights(network)


NETWORK = Network.sequential(Input((3,)), Linear(2, name="head"))


def test_weights_of_the_network_fit():
    assert check_weights(NETWORK, initial_weights(NETWORK)) is None


def test_the_report_of_a_complete_match_lists_all_tensors():
    report = compare_weights(NETWORK, initial_weights(NETWORK))
    assert report == (("head.weight", "head.bias"), (), (), {})
    assert report.complete and report.assert_consumed() is None
    assert str(report) == "2 tensors fit"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head.bias": None}, r"1 tensor fits; 1 missing \(head\.bias\)$"),
        ({"tail.bias": np.zeros(1)}, r"2 tensors fit; 1 unexpected \(tail\.bias\)$"),
        (
            {"head.weight": np.zeros((3, 2))},
            r"1 tensor fits; 1 with the wrong shape \(head\.weight: expected \(2, 3\), got \(3, 2\)\)$",
        ),
        ({"head.weight": np.zeros(6)}, r"head\.weight: expected \(2, 3\), got \(6,\)"),
        ({"head.bias": np.zeros(())}, r"head\.bias: expected \(2,\), got \(\)"),
        (
            {"head.bias": None, "head.weight": np.zeros((3, 2)), "a": np.zeros(1), "b": np.zeros(1)},
            r"0 tensors fit; 1 missing \(head\.bias\); 2 unexpected \(a, b\); 1 with the wrong shape \(head\.weight",
        ),
    ],
)
def test_missing_unexpected_and_mismatched_weights_are_refused(change, words):
    weights = {name: values for name, values in (initial_weights(NETWORK) | change).items() if values is not None}
    assert not compare_weights(NETWORK, weights).complete
    with pytest.raises(NetworkError, match=f"do not fit the network: .*{words}"):
        check_weights(NETWORK, weights)


def test_running_statistics_belong_to_the_weights():
    network = Network.sequential(Input((3, 4, 4)), BatchNorm(name="norm"), Flatten(), Linear(2, name="head"))
    weights = initial_weights(network)
    del weights["norm.running_var"]
    assert compare_weights(network, weights).missing == ("norm.running_var",)


def test_the_message_shows_ten_names_and_counts_the_others():
    extra = {f"x{index}.weight": np.zeros(1) for index in range(25)}
    weights = initial_weights(NETWORK) | extra
    with pytest.raises(NetworkError, match=r"25 unexpected \(x0\.weight.*x9\.weight and 15 more\)"):
        check_weights(NETWORK, weights)
    assert compare_weights(NETWORK, weights).unexpected == tuple(extra)


def test_every_difference_of_shape_is_listed():
    layers = [Linear(4 + index, name=f"layer_{index}") for index in range(15)]
    there, back = (Network.sequential(Input((3,)), *row) for row in (layers, layers[::-1]))
    with pytest.raises(NetworkError) as caught:
        check_weights(there, initial_weights(back))
    differing = {name for name in there.tensors if there.tensors[name].shape != back.tensors[name].shape}
    assert len(differing) > 10
    assert all(f"{name}: expected {there.tensors[name].shape}" in str(caught.value) for name in differing)
