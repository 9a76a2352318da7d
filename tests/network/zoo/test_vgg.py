import pytest

from eyebright.network import BatchNorm, Conv2d, Linear, zoo

COLUMNS = {"vgg11": (133, 11), "vgg13": (133, 13), "vgg16": (138, 16), "vgg19": (144, 19)}


@pytest.mark.parametrize("name", COLUMNS)
def test_millions_of_parameters_and_layers_with_weights_are_those_of_the_paper(name):
    """Table 2 counts millions, table 1 layers."""
    network = zoo.NETWORKS[name].as_published()
    layers = sum(isinstance(place.layer, Conv2d | Linear) for place in network.places.values())
    assert (round(network.parameter_count / 1e6), layers) == COLUMNS[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_batch_normalisation_adds_a_factor_and_a_bias_for_each_channel_and_nothing_else(name):
    plain, normed = (zoo.NETWORKS[key].as_published() for key in (name, f"{name}_bn"))
    widths = [place.shape[0] for place in plain.places.values() if isinstance(place.layer, Conv2d)]
    assert normed.parameter_count - plain.parameter_count == 2 * sum(widths)
    norms = [place.shape[0] for place in normed.places.values() if isinstance(place.layer, BatchNorm)]
    assert norms == widths and normed.multiply_adds == plain.multiply_adds


def test_all_kernels_are_three_by_three():
    kernels = {p.layer.kernel_size for p in zoo.vgg19().places.values() if isinstance(p.layer, Conv2d)}
    assert kernels == {3}
