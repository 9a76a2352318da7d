import pytest

from eyebright import zoo


@pytest.mark.parametrize("size", [28, 32])
def test_the_61_706_parameters_by_which_it_is_known(size):
    """C1 156, C3 2,416, C5 48,120, F6 10,164 as in the paper's section II.B; 850 for ten dense outputs."""
    network = zoo.lenet5(input_size=size)
    counts = [sum(p.size for p in place.parameters.values()) for place in network.places.values() if place.parameters]
    assert counts == [156, 2_416, 48_120, 10_164, 850]
    assert network.parameter_count == 61_706


@pytest.mark.parametrize("size", [28, 32])
def test_maps_are_those_of_the_paper(size):
    places = zoo.lenet5(input_size=size).places
    shapes = [places[name].shape for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output")]
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]


def test_multiply_adds_written_out():
    products = [6 * 25 * 28**2, 16 * 6 * 25 * 10**2, 400 * 120, 120 * 84, 84 * 10]
    assert zoo.lenet5().multiply_adds == sum(products)
