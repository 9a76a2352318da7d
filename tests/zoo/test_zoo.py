import inspect

import pytest

from eyebright import zoo
from eyebright.errors import NetworkError
from eyebright.network import Network


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
@pytest.mark.parametrize("size", [16, 33])
def test_every_network_is_built_for_any_classes_and_sizes(name, size):
    network = zoo.build(name, num_classes=3, input_size=size, channels=4)
    assert (network.input_shape, network.output_shape) == ((4, size, size), (3,))


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
def test_every_network_is_its_own_function_and_survives_json(name):
    network = getattr(zoo, name)()
    assert Network.from_json(network.to_json()) == network


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
def test_every_network_documents_itself(name):
    assert inspect.getdoc(zoo.NETWORKS[name])


@pytest.mark.parametrize(
    ("name", "message"),
    [("flower_cnn", "no network 'flower_cnn': did you mean 'flowers_cnn'"), ("vgg", "known are flowers_cnn, mlp")],
)
def test_an_unknown_network_is_refused(name, message):
    with pytest.raises(NetworkError, match=message):
        zoo.build(name, num_classes=3, input_size=16)


@pytest.mark.parametrize(("num_classes", "input_size"), [(0, 16), (3, 0), (3, -5), (3, 10**9)])
@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
def test_sizes_that_cannot_be_are_refused(name, num_classes, input_size):
    with pytest.raises(NetworkError, match="must be"):
        zoo.build(name, num_classes=num_classes, input_size=input_size)
