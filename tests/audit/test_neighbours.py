import numpy as np
import pytest
from scipy.spatial import cKDTree

from eyebright.audit.neighbours import mutual_pairs, nearest, principal

POINTS = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)


def test_neighbours_are_those_of_a_tree():
    distances, positions = nearest(POINTS, 4)
    wanted = cKDTree(POINTS).query(POINTS, 5)
    np.testing.assert_array_equal(positions, wanted[1][:, 1:])
    np.testing.assert_allclose(distances, wanted[0][:, 1:], rtol=1e-4)


@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 0), (3, 2)])
def test_there_are_no_more_neighbours_than_others(count, wanted):
    assert nearest(POINTS[:count], 4)[1].shape == (count, wanted)
    assert mutual_pairs(nearest(POINTS[:count], 4)[1]).shape == (count * (count - 1) // 2 if count > 1 else 0, 2)


def test_mutual_pairs_are_those_told_one_by_one():
    positions = nearest(POINTS, 3)[1]
    wanted = [[a, b] for a in range(60) for b in range(a + 1, 60) if b in positions[a] and a in positions[b]]
    assert mutual_pairs(positions).tolist() == wanted


def test_principal_directions_are_those_of_the_singular_values():
    given = principal(POINTS, 2)
    values = np.linalg.svd(POINTS - POINTS.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(given, axis=0), values[:2], rtol=1e-4)
