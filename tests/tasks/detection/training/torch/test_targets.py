"""Target maps, by the formulas of the paper."""

import numpy as np
import pytest

from eyebright.tasks.detection.training.torch.targets import NOT_LEARNED, targets


def made(corners, labels, ignored=()):
    boxes, regions = (np.array(each, np.float64).reshape(-1, 4) for each in (corners, ignored))
    return targets(boxes, np.array(labels, np.int64), regions, num_classes=2, size=16, stride=8)


def test_a_box_is_one_at_its_centre_in_the_heatmap_of_its_class():
    maps = made([[20, 40, 100, 88]], [1])
    assert not maps[0].any()
    assert np.argwhere(maps[1] == 1).tolist() == [[8, 7]]  # the centre (60, 64) lies in pixel (7, 8)
    deviation = 0.54 * 10 / 6  # of a box that is 10 pixels of the map wide
    assert np.isclose(maps[1, 8, 9], np.exp(-(2**2) / (2 * deviation**2)))
    assert (maps[2:6, 8, 7] == [20, 40, 100, 88]).all()
    assert np.isclose(maps[-1].sum(), np.log1p(80 * 48), rtol=1e-5)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_where_boxes_overlap_the_smaller_one_is_learned_and_around_it_the_larger(order):
    """The Gaussian of the larger one reaches over 4 pixels to each side, that of the smaller one over its own pixel."""
    corners = np.array([[0, 0, 128, 128], [56, 56, 72, 72]])
    maps = made(corners[order], order)
    assert (maps[2:6, 8, 8] == corners[1]).all()
    for row, column in [(8, 9), (7, 8), (4, 8), (8, 12)]:
        assert (maps[2:6, row, column] == corners[0]).all()
    assert np.isclose(maps[-1, 8, 8], np.log1p(16 * 16))  # its whole weight
    assert np.argwhere(maps[:2] == 1).tolist() == [[0, 8, 8], [1, 8, 8]]


def test_nothing_is_learned_in_regions_that_do_not_count():
    maps = made([], [], [[0, 0, 16, 24]])
    assert (maps[:2, :3, :2] == np.float32(NOT_LEARNED)).all()
    assert not maps[:2, 3:].any()
    assert not maps[-1].any()
