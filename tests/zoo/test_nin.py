import pytest

from eyebright import zoo
from eyebright.network import GlobalAvgPool2d, Linear


def test_parameters_are_those_of_the_authors_model_written_out():
    blocks = [(3, 11, 96, 96, 96), (96, 5, 256, 256, 256), (256, 3, 384, 384, 384), (384, 3, 1024, 1024, 1000)]
    expected = 0
    for channels, kernel, first, second, third in blocks:
        expected += channels * kernel**2 * first + first + first * second + second + second * third + third
    assert zoo.nin().parameter_count == expected == 7_595_176


def test_it_has_no_dense_layer_and_ends_in_the_mean_of_a_map_for_each_class():
    network = zoo.nin(7)
    assert not any(isinstance(place.layer, Linear) for place in network.places.values())
    last = network.places[network.output]
    assert isinstance(last.layer, GlobalAvgPool2d) and last.input_shapes == ((7, 6, 6),)


@pytest.mark.parametrize(("name", "places"), [("block1.conv", 54), ("pool1", 27), ("pool2", 13), ("pool3", 6)])
def test_maps_at_224_are_those_of_the_authors_model(name, places):
    assert zoo.nin().places[name].shape[1:] == (places, places)
