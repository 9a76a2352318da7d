import math

import numpy as np
import pytest

from eyebright.network import zoo
from eyebright.network.detecting import LARGEST, Detecting, detected, detecting_of
from eyebright.system.errors import NetworkError


def test_one_pixel_by_hand():
    """The second pixel of the first row has its centre at (12, 4); its sides are 8, 16, 4 and 8 pixels away."""
    maps = np.zeros((1, 1 + 4, 1, 2), np.float32)
    maps[0, :, 0, 1] = 2.0, 0.0, math.log(2), math.log(0.5), 0.0
    scores, boxes = detected(maps, Detecting(8))
    assert scores[0, 0, 0].tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-2))])
    np.testing.assert_allclose(boxes[0, :, 0, 1], [12 - 8, 4 - 16, 12 + 4, 4 + 8], rtol=1e-6)
    np.testing.assert_allclose(boxes[0, :, 0, 0], [4 - 8, 4 - 8, 4 + 8, 4 + 8], rtol=1e-6)


def test_a_side_is_never_further_than_any_image_is_wide():
    maps = np.full((1, 5, 1, 1), 1e6, np.float32)
    assert np.isfinite(detected(maps, Detecting())[1]).all()
    assert 8 * math.exp(LARGEST) > 3_000


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_the_stride_is_that_of_the_network(stride):
    assert detecting_of(zoo.lite0_detector(2, input_size=64, stride=stride)) == Detecting(stride)


@pytest.mark.parametrize("network", [zoo.flowers_cnn(), zoo.efficientnet_lite0().up_to("_conv_stem")])
def test_networks_that_are_no_detectors_are_refused(network):
    if len(network.output_shape) == 3:  # 32 maps of half the size: a detector of 28 classes
        assert detecting_of(network).stride == 2
        return
    with pytest.raises(NetworkError, match=r"gives \(5,\) for images of \(3, 180, 180\), but a detector gives maps"):
        detecting_of(network)
