import numpy as np
import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Input,
    Linear,
    Multiply,
    Network,
    Normalize,
    Sigmoid,
    Unflatten,
    Upsample,
    ZeroPad2d,
)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_the_means_and_deviations_of_channels_are_those_of_torch(agrees):
    agrees(Normalize((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)))


def test_images_are_laid_out_with_the_channels_first_as_in_the_network(agrees):
    model = agrees(Flatten(), Dropout(0.3), Linear(5), Linear(4, bias=False))
    assert kinds(model)[2:] == ["Permute", "Flatten", "Dropout", "Dense", "Dense"]


@pytest.mark.parametrize("layers", [[Conv2d(1, 3)], [AdaptiveAvgPool2d(1)]], ids=["one channel", "one pixel"])
def test_one_channel_or_pixel_needs_no_other_layout(agrees, layers):
    assert "Permute" not in kinds(agrees(*layers, Flatten(), Linear(2)))


def test_branches_are_merged(agrees):
    agrees(lambda node: Concat()(Add()(node, Multiply()(node, Sigmoid()(AdaptiveAvgPool2d(1)(node))), node), node))


def test_one_branch_may_be_concatenated(agrees):
    agrees(Concat())


def test_vectors_enter_as_they_are(opened):
    network = Network.sequential(Input((3,)), Normalize((1.0, 2.0, 3.0), 2.0), Linear(1, bias=False, name="fc"))
    model = opened(network, {"fc.weight": np.array([[1.0, 10.0, 100.0]], np.float32)})
    assert model.predict(np.array([[3.0, 6.0, 9.0]]), verbose=0) == pytest.approx(1 + 20 + 300)


def test_zeros_and_factors_of_channels(agrees):
    agrees(ZeroPad2d((1, 2, 0, 3)), lambda node: Multiply()(node, Unflatten()(GlobalAvgPool2d()(node))))


def test_each_pixel_is_repeated(agrees):
    agrees(Upsample((3, 2)), Upsample())
