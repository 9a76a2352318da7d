import pytest

from eyebright.network import Add, Conv2d, Dropout, GlobalAvgPool2d, Linear, MaxPool2d, zoo
from eyebright.system.errors import NetworkError


def test_parameters_of_the_flower_network_are_those_of_the_tutorial():
    """Keras's flower tutorial at 180x180x3 with 5 classes: 3,989,285."""
    assert zoo.flowers_cnn().parameter_count == 3_989_285


def test_convolutions_of_the_flower_network_are_those_of_the_tutorial():
    shapes = {name: place.shape for name, place in zoo.flowers_cnn().places.items()}
    assert [shapes[f"conv_{index}"] for index in (1, 2, 3)] == [(16, 180, 180), (32, 90, 90), (64, 45, 45)]
    assert [shapes[f"pool_{index}"] for index in (1, 2, 3)] == [(16, 90, 90), (32, 45, 45), (64, 22, 22)]


def test_the_flower_network_has_the_layers_of_the_tutorial():
    layers = [place.layer for place in zoo.flowers_cnn().places.values()]
    counts = [sum(isinstance(layer, kind) for layer in layers) for kind in (Conv2d, MaxPool2d, Dropout)]
    assert counts == [3, 3, 1]


def test_dropout_of_the_flower_network_is_an_argument():
    assert zoo.flowers_cnn(dropout=0.35).layer("dropout").p == 0.35


@pytest.mark.parametrize("size", [8, 9, 31, 128])
def test_the_flower_network_takes_every_size_from_8(size):
    network = zoo.flowers_cnn(4, input_size=size, channels=1)
    assert (network.input_shape, network.output_shape) == ((1, size, size), (4,))
    assert network.places["flatten"].shape == (64 * (size // 2 // 2 // 2) ** 2,)


def test_the_flower_network_refuses_smaller_images():
    with pytest.raises(
        NetworkError, match=r"'pool_3'.*kernel of 2 x 2 is larger than its input of 1 x 1.*larger images"
    ):
        zoo.flowers_cnn(input_size=7)


@pytest.mark.parametrize("size", [28, 32])
def test_lenet_has_61_706_parameters(size):
    """C1 156, C3 2,416, C5 48,120, F6 10,164 as in the paper's section II.B; 850 for ten dense outputs."""
    network = zoo.lenet5(input_size=size)
    counts = [sum(p.size for p in place.parameters.values()) for place in network.places.values() if place.parameters]
    assert counts == [156, 2_416, 48_120, 10_164, 850]
    assert network.parameter_count == 61_706


@pytest.mark.parametrize("size", [28, 32])
def test_maps_of_lenet_are_those_of_the_paper(size):
    places = zoo.lenet5(input_size=size).places
    shapes = [places[name].shape for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output")]
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]


def test_multiply_adds_of_lenet_are_products_of_sizes():
    products = [6 * 25 * 28**2, 16 * 6 * 25 * 10**2, 400 * 120, 120 * 84, 84 * 10]
    assert zoo.lenet5().multiply_adds == sum(products)


def test_parameters_of_the_mlp_are_those_of_the_tutorial():
    """Keras's Flatten, Dense 128, Dense 10 on 28x28 grey pictures: 101,770."""
    assert zoo.mlp(channels=1).parameter_count == 101_770


def test_three_channels_triple_the_first_layer_of_the_mlp():
    assert zoo.mlp().parameter_count == (3 * 784 * 128 + 128) + (128 * 10 + 10)


def test_layers_of_the_mlp():
    assert [type(place.layer).__name__ for place in zoo.mlp().places.values()] == [
        *("Input", "Normalize", "Flatten", "Linear", "ReLU", "Linear")
    ]


def test_the_hidden_layer_of_the_mlp_has_he_initialisation():
    assert [zoo.mlp().layer(name).initializer for name in ("dense_1", "dense_2")] == ["he_normal", "glorot_uniform"]


def test_parameters_of_nin_are_those_of_the_authors_model():
    blocks = [(3, 11, 96, 96, 96), (96, 5, 256, 256, 256), (256, 3, 384, 384, 384), (384, 3, 1024, 1024, 1000)]
    expected = 0
    for channels, kernel, first, second, third in blocks:
        expected += channels * kernel**2 * first + first + first * second + second + second * third + third
    assert zoo.nin().parameter_count == expected == 7_595_176


def test_nin_has_no_dense_layer_and_ends_in_the_mean_of_a_map_for_each_class():
    network = zoo.nin(7)
    assert not any(isinstance(place.layer, Linear) for place in network.places.values())
    last = network.places[network.output]
    assert isinstance(last.layer, GlobalAvgPool2d) and last.input_shapes == ((7, 6, 6),)


@pytest.mark.parametrize(("name", "places"), [("block1.conv", 54), ("pool1", 27), ("pool2", 13), ("pool3", 6)])
def test_maps_of_nin_at_224_are_those_of_the_authors_model(name, places):
    assert zoo.nin().places[name].shape[1:] == (places, places)


@pytest.mark.parametrize(("size", "stages"), [(2, 1), (13, 1), (14, 2), (32, 3), (64, 4), (128, 5)])
def test_compact_halves_until_at_most_6_pixels_a_side_are_left(size, stages):
    places = zoo.compact(input_size=size).places
    pooled = [name for name, place in places.items() if isinstance(place.layer, MaxPool2d)]
    assert pooled == [f"stage{number}.pool" for number in range(1, stages + 1)]
    assert places[pooled[-1]].shape[1] <= 6


def test_compact_doubles_its_channels_up_to_256_and_has_residual_blocks_in_the_first_and_last_stage():
    places = zoo.compact(input_size=128).places
    widths = [places[f"stage{number}.pool"].shape[0] for number in range(1, 6)]
    assert (places["stem.conv"].shape[0], widths) == (32, [64, 128, 256, 256, 256])
    assert [name for name, place in places.items() if isinstance(place.layer, Add)] == ["stage1.add", "stage5.add"]
