import pytest

from eyebright.network import ELU, GELU, Add, Conv2d, Hardsigmoid, Input, Network, ReLU, ReLU6, SiLU, initial_weights
from eyebright.network.litert import to_litert


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (ReLU(), ["RELU"]),
        (ReLU6(), ["RELU6"]),
        (ELU(), ["ELU"]),
        (ELU(0.5), ["ELU", "RELU", "SUB", "MUL", "ADD"]),
        (GELU(), ["GELU"]),
        (SiLU(), ["LOGISTIC", "MUL"]),
        (Hardsigmoid(), ["ADD", "MUL"]),
    ],
)
def test_activations_use_the_operators_of_litert(operators, layer, expected):
    assert operators(to_litert(Network.sequential(Input((4,)), layer), {})) == expected


def test_a_relu_is_part_of_the_convolution_that_only_it_reads(operators, litert, pictures):
    def build(*, twice: bool) -> Network:
        images = Input((3, 9, 8))()
        maps = Conv2d(4, 3, name="c")(images)
        return Network(images, Add()(ReLU()(maps), maps) if twice else ReLU()(maps))

    for twice, expected in ((False, ["CAST", "CONV_2D"]), (True, ["CAST", "CONV_2D", "RELU", "ADD"])):
        network = build(twice=twice)
        assert operators(to_litert(network, initial_weights(network))) == expected
    (found,) = litert(build(twice=False), initial_weights(network), pictures).values()
    assert found.min() == 0 < found.max()


def test_a_relu_after_a_relu6_does_not_take_its_place(operators, litert, pictures):
    images = Input((3, 9, 8))()
    network = Network(images, ReLU()(ReLU6()(Conv2d(4, 3, name="c")(images))))
    weights = initial_weights(network)
    assert operators(to_litert(network, weights)) == ["CAST", "CONV_2D", "RELU"]
    (found,) = litert(network, weights, pictures).values()
    assert found.max() == 6
