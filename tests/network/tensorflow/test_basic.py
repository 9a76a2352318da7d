import numpy as np
import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    Add,
    Concat,
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


def test_the_means_and_deviations_of_channels_are_those_of_torch(agrees):
    agrees(Normalize((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)))


def test_images_are_laid_out_with_the_channels_first(agrees):
    agrees(Flatten(), Dropout(0.3), Linear(5), Linear(4, bias=False))


def test_branches_are_merged(agrees):
    agrees(lambda node: Concat()(Add()(node, Multiply()(node, Sigmoid()(AdaptiveAvgPool2d(1)(node))), node), node))


def test_one_branch_may_be_concatenated(agrees):
    agrees(Concat())


def test_vectors_enter_as_they_are(outputs):
    network = Network.sequential(Input((3,)), Normalize((1.0, 2.0, 3.0), 2.0), Linear(1, bias=False, name="fc"))
    weights = {"fc.weight": np.array([[1.0, 10.0, 100.0]], np.float32)}
    found = outputs(network, weights, np.array([[3.0, 6.0, 9.0]], np.float32))
    assert found["logits"] == pytest.approx(1 + 20 + 300)


def test_zeros_and_factors_of_channels(agrees):
    agrees(ZeroPad2d((1, 2, 0, 3)), lambda node: Multiply()(node, Unflatten()(GlobalAvgPool2d()(node))))


def test_each_pixel_is_repeated(agrees):
    agrees(Upsample((3, 2)), Upsample())
