import numpy as np
import pytest

from eyebright.model.importing import assembly
from eyebright.model.importing.assembly import Assembly, affine
from eyebright.network import Input, Linear, ReLU
from eyebright.system.errors import NetworkError


def test_layers_get_free_names_and_what_is_not_needed_is_left_out():
    network = Assembly()
    read = network.add(Input((2,), name="a"))
    kernel = np.arange(6, dtype=np.float64).reshape(3, 2)
    end = network.add(Linear(3, bias=False, name="a"), read, tensors={"weight": kernel})
    network.add(ReLU(name="a"), end)
    found, weights = network.finish(end)
    assert found.wiring == {"a": (), "a_2": ("a",)} and end.shape == (3,)
    assert weights["a_2.weight"].dtype == np.float32 and np.array_equal(weights["a_2.weight"], kernel)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"weight": np.ones((2, 3))},
            r"shapes weight \(3, 2\), bias \(3,\), got weight \(2, 3\)",
        ),
        ({}, "got none"),
        ({"weight": np.ones((3, 2)), "bias": np.array([0, np.nan, 0])}, "NaN or infinite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tensors, message):
    network = Assembly()
    with pytest.raises(NetworkError, match=message):
        network.add(Linear(3), network.add(Input((2,))), tensors=tensors)


def test_a_network_has_a_limit(monkeypatch):
    monkeypatch.setattr(assembly, "_MOST_LAYERS", 2)
    network = Assembly()
    end = network.add(ReLU(), network.add(Input((2,))))
    with pytest.raises(NetworkError, match="more than 2 layers"):
        network.add(ReLU(), end)


@pytest.mark.parametrize(("scale", "std"), [(1 / 255, 255.0), (1 / 127.5, 127.5), (0.3, 1 / 0.3)])
def test_scales_become_divisors_again(scale, std):
    """255 is written as 1 / 255 in a file, whose reciprocal may differ in its last digit."""
    network = Assembly()
    value = affine(network, "a", network.add(Input((3, 2, 2))), scale, -1.0)
    layer = network.finish(value)[0].layer("a")
    assert layer.std == std and layer.mean == pytest.approx(std)


def test_factors_of_flattened_maps_are_refused():
    network = Assembly()
    read = network.add(Input((4,)))._replace(order=np.array([0, 2, 1, 3]))
    with pytest.raises(NetworkError, match="its own factor for each value of flattened maps"):
        affine(network, "a", read, [1.0, 2.0, 3.0, 4.0], 0.0)
