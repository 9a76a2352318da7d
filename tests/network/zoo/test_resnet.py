import pytest

from eyebright.network import Add, Conv2d, Linear, zoo

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


@pytest.mark.parametrize("name", NAMES)
def test_as_many_layers_with_weights_as_the_name_says(name):
    """Convolutions and dense layers; those that only bring a skip to its shape are not counted in the paper."""
    places = zoo.NETWORKS[name].as_published().places
    layers = [key for key, place in places.items() if isinstance(place.layer, Conv2d | Linear)]
    assert len([key for key in layers if "downsample" not in key]) == int(name.removeprefix("resnet"))


@pytest.mark.parametrize(("name", "billions"), [("resnet18", 1.8), ("resnet34", 3.6)])
def test_billions_of_multiply_adds_are_those_of_the_paper(name, billions):
    """Table 1, which leaves the skips' convolutions out; its bottlenecks halve in another place."""
    places = zoo.NETWORKS[name].as_published().places
    own = sum(place.multiply_adds for key, place in places.items() if "downsample" not in key)
    assert own / 1e9 == pytest.approx(billions, abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_stages_have_the_sizes_of_the_paper(name):
    places = zoo.NETWORKS[name].as_published().places
    sums = [place.shape for place in places.values() if isinstance(place.layer, Add)]
    expansion = 1 if name in ("resnet18", "resnet34") else 4
    expected = [(width * expansion, size, size) for width, size in ((64, 56), (128, 28), (256, 14), (512, 7))]
    assert list(dict.fromkeys(sums)) == expected


def test_a_skip_is_the_blocks_input_where_the_shapes_agree():
    places = zoo.resnet18().places
    assert places["layer1.0.add"].inputs == ("layer1.0.bn2", "maxpool")
    assert places["layer2.0.add"].inputs == ("layer2.0.bn2", "layer2.0.downsample.1")
    assert places["layer2.0.downsample.0"].inputs == ("layer1.1.relu",)
