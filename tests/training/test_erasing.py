import numpy as np
import torch

from eyebright.training.erasing import erase, rectangles
from eyebright.training.settings import Settings

KEYS = np.arange(1, 301, dtype=np.uint64)


def test_a_share_of_the_pictures_loses_one_rectangle_to_its_mean():
    noise = np.random.default_rng(0).uniform(0, 255, (300, 3, 30, 40)).astype(np.float32)
    pictures = torch.from_numpy(noise)
    result = erase(pictures, KEYS, Settings(erasing=0.5), 2)
    areas = []
    for before, after in zip(pictures, result, strict=True):
        rows, columns = np.nonzero((before != after).any(dim=0).numpy())
        if len(rows):
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            assert box == len(rows)  # a rectangle, without holes
            assert torch.allclose(after[:, rows[0], columns[0]], before.mean(dim=(1, 2)), atol=1e-3)
            areas.append(box / 1200)
    assert 120 < len(areas) < 180
    assert 0.08 < np.mean(areas) < 0.25 and max(areas) <= 0.45
    assert erase(pictures, KEYS, Settings(), 2) is pictures


def test_rectangles_lie_where_they_are_asked():
    found = rectangles(torch.zeros(1, 3, 10, 20), np.array([[0.5, 0.25]]), np.array([0.4]), np.array([0.5]))
    expected = np.zeros((10, 20), bool)
    expected[3:7, 0:10] = True
    assert np.array_equal(found[0, 0].numpy(), expected)
