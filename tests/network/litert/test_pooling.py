import numpy as np
import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Concat,
    Conv2d,
    Input,
    MaxPool2d,
    Network,
    ReLU,
    Sigmoid,
)
from eyebright.network.litert import to_litert


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaxPool2d(2), ["MAX_POOL_2D"]),
        (MaxPool2d(3, 2, "same"), ["MAX_POOL_2D"]),
        (MaxPool2d(3, 2, 1), ["PADV2", "MAX_POOL_2D"]),
        (AvgPool2d(2), ["AVERAGE_POOL_2D"]),
        (AvgPool2d(3, 2, 1), ["PAD", "AVERAGE_POOL_2D"]),  # zeros count
        (AvgPool2d(3, 1, 1, count_include_pad=False), ["AVERAGE_POOL_2D"]),
        (AvgPool2d(3, 2, 1, count_include_pad=False), ["PAD", "AVERAGE_POOL_2D", "MUL"]),
        (AdaptiveAvgPool2d(5), ["AVERAGE_POOL_2D"]),
    ],
)
def test_a_pool_is_one_operator_unless_torch_pads_otherwise(operators, layer, expected):
    assert operators(to_litert(Network.sequential(Input((3, 10, 10)), layer), {})) == ["CAST", *expected]


def test_zeros_pad_a_maximum_only_where_nothing_is_below_0(operators, litert):
    images = Input((1, 4, 4))()
    pool = MaxPool2d(3, 2, 1)
    low = Conv2d(1, 1, name="c")(images)
    joined = Concat()(ReLU()(low), Sigmoid()(low))
    weights = {"c.weight": -np.ones((1, 1, 1, 1), np.float32), "c.bias": np.zeros(1, np.float32)}
    for values, pad in ((low, "PADV2"), (ReLU()(low), "PAD"), (joined, "PAD"), (Concat()(low, joined), "PADV2")):
        kinds = operators(to_litert(Network(images, pool(values)), weights))
        assert [kind for kind in kinds if kind.startswith("PAD")] == [pad]
    pictures = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    (found,) = litert(Network(images, pool(low)), weights, pictures).values()
    assert found.tolist() == [[[[0, -1], [-4, -5]]]]


def test_zeros_of_the_padding_count_in_a_mean_only_if_asked_for(litert):
    """Windows of 2 over 4, 8, 12 with a zero before and after: (0, 4) and (8, 12)."""
    row = np.array([4, 8, 12], np.uint8).reshape(1, 1, 3, 1)
    for counted, expected in ((True, [2, 10]), (False, [4, 10])):
        layer = AvgPool2d((1, 2), 2, (0, 1), count_include_pad=counted)
        (found,) = litert(Network.sequential(Input((1, 1, 3)), layer), {}, row).values()
        assert found.tolist() == [[[expected]]]
