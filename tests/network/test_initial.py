import math

import numpy as np
import pytest

from eyebright.errors import NetworkError
from eyebright.network import Conv2d, Flatten, Input, Linear, Network, Parameter, ReLU, initial_weights
from eyebright.network.initial import draw

SHAPE, FAN_IN, FAN_OUT = (200, 500), 500, 200
EXCESS = {
    "he_normal": 2.0,
    "he_uniform": 0.8,
    "glorot_uniform": 0.8,
}  # variance of (x / sigma)^2: normal 2, uniform 4/5
VARIANCE = {"he_normal": 2 / FAN_IN, "he_uniform": 2 / FAN_IN, "glorot_uniform": 2 / (FAN_IN + FAN_OUT)}
RULES = sorted(VARIANCE)


def values(rule: str, seed: int = 0, name: str = "dense.weight") -> np.ndarray:
    return draw(Parameter(SHAPE, rule, FAN_IN, FAN_OUT), seed, name)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_mean_and_variance_are_those_of_the_rule(rule, seed):
    drawn = values(rule, seed).astype(np.float64)
    assert abs(drawn.mean()) < 5 * math.sqrt(VARIANCE[rule] / drawn.size)
    assert abs(drawn.var() / VARIANCE[rule] - 1) < 5 * math.sqrt(EXCESS[rule] / drawn.size)


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
    assert np.array_equal(draw(Parameter((3, 2), rule), 0, "x"), np.full((3, 2), value, np.float32))


def test_a_layer_keeps_its_weights_whatever_stands_around_it():
    head = [Flatten(), Linear(5, name="head")]
    one = Network.sequential(Input((3, 6, 6)), *head)
    other = Network.sequential(Input((3, 6, 6)), Conv2d(3, 3, padding="same"), ReLU(), *head)
    assert np.array_equal(initial_weights(one, 3)["head.weight"], initial_weights(other, 3)["head.weight"])


def test_every_tensor_has_its_name_shape_and_float32():
    weights = initial_weights(Network.sequential(Input((4, 6, 6)), Conv2d(8, 3, groups=2, name="c"), Flatten()))
    assert {name: tensor.shape for name, tensor in weights.items()} == {"c.weight": (8, 2, 3, 3), "c.bias": (8,)}
    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float32)}
    assert not weights["c.bias"].any()


def test_layers_choose_their_rule():
    network = Network.sequential(Input((1000,)), Linear(100, name="a"), Linear(1000, initializer="he_normal", name="b"))
    weights = initial_weights(network)
    assert abs(weights["a.weight"].var() * (1000 + 100) / 2 - 1) < 0.03
    assert abs(weights["b.weight"].var() * 100 / 2 - 1) < 0.03


def test_a_network_too_large_to_be_meant_is_refused_before_memory_is_taken():
    network = Network.sequential(Input((3, 20_000, 20_000)), Flatten(), Linear(9000))
    with pytest.raises(NetworkError, match=r"10,800,000,009,000 parameters are more than .*weight smaller, which is"):
        initial_weights(network)
