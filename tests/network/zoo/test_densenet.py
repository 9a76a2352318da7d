import pytest

from eyebright.network import Concat, Conv2d, Linear, zoo

NAMES = ("densenet121", "densenet161", "densenet169", "densenet201")


@pytest.mark.parametrize("name", NAMES)
def test_as_many_layers_with_weights_as_the_name_says(name):
    places = zoo.NETWORKS[name].as_published().places.values()
    layers = sum(isinstance(place.layer, Conv2d | Linear) for place in places)
    assert layers == int(name.removeprefix("densenet"))


@pytest.mark.parametrize(
    ("name", "growth", "first", "depths"),
    [
        ("densenet121", 32, 64, (6, 12, 24, 16)),
        ("densenet161", 48, 96, (6, 12, 36, 24)),
        ("densenet169", 32, 64, (6, 12, 32, 32)),
        ("densenet201", 32, 64, (6, 12, 48, 32)),
    ],
)
def test_channels_grow_with_every_layer_and_are_halved_between_blocks(name, growth, first, depths):
    """Section 3: layer l of a block has k0 + k (l - 1) channels as its input, and a transition keeps half."""
    places = zoo.NETWORKS[name].as_published().places
    found = [place.shape[0] for place in places.values() if isinstance(place.layer, Concat)]
    expected, channels = [], first
    for depth in depths:
        expected += [channels + growth * (index + 1) for index in range(depth)]
        channels = expected[-1] // 2
    assert found == expected


def test_blocks_have_the_sizes_of_the_paper():
    places = zoo.densenet121().places
    shapes = [places[f"features.denseblock{block}.denselayer1.concat"].shape[1:] for block in (1, 2, 3, 4)]
    assert shapes == [(56, 56), (28, 28), (14, 14), (7, 7)]
