"""Target maps, by the formulas of the paper."""

import numpy as np

from eyebright.tasks.detection.training.torch.targets import IGNORED, targets


def made(corners, labels, ignored=()):
    boxes, regions = (np.array(each, np.float64).reshape(-1, 4) for each in (corners, ignored))
    return targets(boxes, np.array(labels, np.int64), regions, num_classes=2, size=16, stride=8)


def test_a_box_has_a_hill_of_height_one_at_its_centre_in_its_class():
    maps = made([[20, 40, 100, 88]], [1])
    assert not maps[0].any()
    assert np.argwhere(maps[1] == 1).tolist() == [[8, 7]]  # the centre (60, 64) lies in pixel (7, 8)
    deviation = 0.54 * 10 / 6  # of a box that is 10 pixels of the map wide
    assert np.isclose(maps[1, 8, 9], np.exp(-(2**2) / (2 * deviation**2)))
    assert (maps[2:6, 8, 7] == [20, 40, 100, 88]).all()
    assert np.isclose(maps[-1].sum(), np.log1p(80 * 48), rtol=1e-5)


def test_where_boxes_overlap_the_smaller_one_is_learned():
    maps = made([[0, 0, 128, 128], [56, 56, 72, 72]], [0, 0])
    assert (maps[2:6, 8, 8] == [56, 56, 72, 72]).all()
    assert np.count_nonzero(maps[0] == 1) == 1 or maps[0, 8, 8] == 1


def test_nothing_is_learned_in_regions_that_do_not_count():
    maps = made([], [], [[0, 0, 16, 24]])
    assert (maps[:2, :3, :2] == np.float32(IGNORED)).all()
    assert not maps[:2, 3:].any()
    assert not maps[-1].any()
