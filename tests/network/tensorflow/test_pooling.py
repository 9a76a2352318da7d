import pytest

from eyebright.network import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MaxPool2d,
)


@pytest.mark.parametrize(
    "layer",
    [
        MaxPool2d(3, 2, padding="same"),
        MaxPool2d(3, 2, padding=1),
        MaxPool2d((3, 5), (2, 3), padding=(0, 1), ceil_mode=True),
        MaxPool2d(4, 2, padding=2),
        AvgPool2d(2),
        AvgPool2d(3, 2, padding=1),
        AvgPool2d(3, 2, padding=1, ceil_mode=True),
        AvgPool2d(3, 2, padding=1, count_include_pad=False),
        AvgPool2d(3, 2, padding="same", count_include_pad=False),
        AvgPool2d((2, 3), (2, 4), ceil_mode=True),
        AdaptiveAvgPool2d(1),
        AdaptiveAvgPool2d((3, 4)),
        AdaptiveAvgPool2d((4, 11)),
        AdaptiveMaxPool2d((3, 4)),
        AdaptiveMaxPool2d((4, 11)),
        GlobalAvgPool2d(),
        GlobalMaxPool2d(),
    ],
)
def test_pools_are_those_of_torch(agrees, layer):
    agrees(layer)
