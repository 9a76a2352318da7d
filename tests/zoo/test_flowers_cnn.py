import pytest

from eyebright import zoo
from eyebright.errors import NetworkError
from eyebright.network import Conv2d, Dropout, MaxPool2d


def test_parameters_are_those_of_the_keras_tutorial():
    """Keras's flower tutorial at 180x180x3 with 5 classes: 3,989,285."""
    assert zoo.flowers_cnn().parameter_count == 3_989_285


def test_convolutions_are_those_of_the_keras_tutorial():
    shapes = {name: place.shape for name, place in zoo.flowers_cnn().places.items()}
    assert [shapes[f"conv_{index}"] for index in (1, 2, 3)] == [(16, 180, 180), (32, 90, 90), (64, 45, 45)]
    assert [shapes[f"pool_{index}"] for index in (1, 2, 3)] == [(16, 90, 90), (32, 45, 45), (64, 22, 22)]


def test_each_part_is_there_as_often_as_in_the_tutorial():
    layers = [place.layer for place in zoo.flowers_cnn().places.values()]
    counts = [sum(isinstance(layer, kind) for layer in layers) for kind in (Conv2d, MaxPool2d, Dropout)]
    assert counts == [3, 3, 1]


def test_dropout_is_a_setting():
    assert zoo.flowers_cnn(dropout=0.35).layer("dropout").p == 0.35


@pytest.mark.parametrize("size", [8, 9, 31, 128])
def test_every_size_from_8_works(size):
    network = zoo.flowers_cnn(4, input_size=size, channels=1)
    assert (network.input_shape, network.output_shape) == ((1, size, size), (4,))
    assert network.places["flatten"].shape == (64 * (size // 2 // 2 // 2) ** 2,)


def test_smaller_pictures_are_refused():
    with pytest.raises(
        NetworkError, match=r"'pool_3'.*kernel of 2 x 2 is larger than its input of 1 x 1.*larger pictures"
    ):
        zoo.flowers_cnn(input_size=7)
