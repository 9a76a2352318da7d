import pytest

from eyebright.network import Conv2d


@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(4, (3, 2), bias=False, padding="same"),
        Conv2d(4, 3, 2, padding="same"),
        Conv2d(4, 3, 2, padding=1),  # 8 columns: (1, 1), where TensorFlow's "SAME" is (0, 1)
        Conv2d(4, (5, 3), (3, 1), padding=(2, 0)),
        Conv2d(4, 3, 2, dilation=2, padding=2),
        Conv2d(6, 3, 2, groups=3, padding="same"),
        Conv2d(6, 3, groups=3, padding=1, bias=False),
        Conv2d(6, 3, (1, 2), groups=3),
        Conv2d(6, 3, dilation=2, groups=3),
    ],
)
def test_convolutions_are_those_of_torch(agrees, layer):
    agrees(layer)


def test_groups_of_several_channels_keep_apart(agrees):
    agrees(Conv2d(4, 1), Conv2d(6, 3, groups=2))
