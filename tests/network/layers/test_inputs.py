import math

import pytest

from eyebright.network import Input, Normalize
from eyebright.system.errors import NetworkError


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (32,)])
def test_an_input_gives_its_shape_and_normalize_keeps_it(shape):
    assert Normalize()(Input(shape)()).shape == shape


def test_neither_learns_anything():
    assert Input((3, 5, 7)).parameters() == {} and Normalize().parameters((3, 5, 7)) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Input((3, 8)), r"shape must be .*got \(3, 8\)"),
        (lambda: Input((3, 0, 8)), "1 to 65536"),
        (lambda: Input((3, -8, 8)), r"1 to 65536; got \(3, -8, 8\)"),
        (lambda: Input((3, 8, 65_537)), "65537"),
        (lambda: Input(28), "shape"),
        (lambda: Normalize(std=0.0), "std must be above 0.*got 0.0"),
        (lambda: Normalize(std=(1.0, -1.0, 1.0)), "std must be above 0"),
        (lambda: Normalize(mean=math.nan), "mean must be finite, got nan"),
        (lambda: Normalize(std=math.inf), "finite, got inf"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Normalize(mean=(1.0, 2.0)), (3, 8, 8), "mean has 2 values, but its input has 3 channels"),
        (Normalize(std=(1.0, 2.0)), (3,), "std has 2 values"),
    ],
)
def test_statistics_of_other_channels_are_refused(layer, shape, message):
    with pytest.raises(NetworkError, match=message):
        layer(Input(shape)())
