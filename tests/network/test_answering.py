import pytest

from eyebright.network import Conv2d, Flatten, GlobalAvgPool2d, Input, Linear, MaxPool2d, Network, ReLU, zoo
from eyebright.network.answering import features_place


@pytest.mark.parametrize(
    ("layers", "name", "shape"),
    [
        ([Conv2d(4, 3, name="c"), ReLU(name="r"), GlobalAvgPool2d(name="p"), Linear(2)], "r", (4, 6, 7)),
        ([Conv2d(4, 3, name="c"), ReLU(name="r"), Flatten(), Linear(2)], "r", (4, 6, 7)),
        ([Conv2d(4, 3), MaxPool2d(2, name="p"), Flatten(), Linear(5), ReLU(), Linear(2)], "p", (4, 3, 3)),
        ([Conv2d(4, 3, name="c"), Conv2d(9, (6, 7)), ReLU(), Flatten(), Linear(2)], "c", (4, 6, 7)),
        ([Conv2d(4, 3), ReLU(name="r"), Conv2d(2, 1), GlobalAvgPool2d()], "r", (4, 6, 7)),
        ([Flatten(), Linear(5), ReLU(name="hidden"), Linear(2), ReLU()], "hidden", (5,)),
        ([Flatten(), Linear(2)], "input", (3, 8, 9)),
        ([GlobalAvgPool2d(name="p")], "p", (3,)),
    ],
)
def test_the_features_are_those_of_the_last_learned_maps_or_what_the_last_layer_reads(layers, name, shape):
    network = Network.sequential(Input((3, 8, 9), name="input"), *layers)
    found, place = features_place(network)
    assert (found, place.shape) == (name, shape)


@pytest.mark.parametrize(("name", "maps"), [("efficientnet_lite0", 1280), ("resnet18", 512), ("vgg16", 512)])
def test_published_networks_have_the_maps_of_their_papers(name, maps):
    _, place = features_place(zoo.build(name, num_classes=1000, input_size=224))
    assert place.shape == (maps, 7, 7)
