import numpy as np
import pytest
from scipy.spatial import cKDTree

from eyebright.data.audit import neighbours
from eyebright.data.audit.neighbours import nearest, neighbour_pairs, principal

POINTS = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)


def test_neighbours_match_a_search_tree():
    distances, positions = nearest(POINTS, 4)
    wanted = cKDTree(POINTS).query(POINTS, 5)
    np.testing.assert_array_equal(positions, wanted[1][:, 1:])
    np.testing.assert_allclose(distances, wanted[0][:, 1:], rtol=1e-4)


@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 0), (3, 2)])
def test_there_are_no_more_neighbours_than_others(count, wanted):
    assert nearest(POINTS[:count], 4)[1].shape == (count, wanted)
    pairs = neighbour_pairs(nearest(POINTS[:count], 4)[1], mutual=True)
    assert pairs.shape == (count * (count - 1) // 2 if count > 1 else 0, 2)


@pytest.mark.parametrize(("mutual", "enough"), [(True, all), (False, any)])
def test_pairs_match_a_check_of_every_pair(mutual, enough):
    positions = nearest(POINTS, 3)[1]
    every = [[a, b] for a in range(60) for b in range(a + 1, 60)]
    wanted = [[a, b] for a, b in every if enough((b in positions[a], a in positions[b]))]
    assert neighbour_pairs(positions, mutual=mutual).tolist() == wanted


def test_principal_directions_match_the_singular_values():
    given = principal(POINTS.__getitem__, 60, 2)
    values = np.linalg.svd(POINTS - POINTS.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(given, axis=0), values[:2], rtol=1e-4)


def test_directions_come_from_a_sample_and_every_point_is_projected(monkeypatch):
    monkeypatch.setattr(neighbours, "_SAMPLE", 20)
    monkeypatch.setattr(neighbours, "_BLOCK", 7)
    sizes: list[int] = []
    given = principal(lambda where: sizes.append(len(where)) or POINTS[where], 60, 2)
    some = POINTS[::3]
    directions = np.linalg.svd(some - some.mean(axis=0))[2][:2]
    np.testing.assert_allclose(np.abs(given), np.abs((POINTS - some.mean(axis=0)) @ directions.T), atol=1e-4)
    assert max(sizes) == 7  # never all at once


def test_among_many_points_close_neighbours_are_found(monkeypatch):
    """800 points in 16 dimensions, each with another point close to it."""
    monkeypatch.setattr(neighbours, "_FEW", 100)
    monkeypatch.setattr(neighbours, "MOST_EXACT", 100)
    random = np.random.default_rng(1)
    half = random.normal(size=(800, 16))
    points = np.concatenate([half, half + random.normal(scale=0.05, size=half.shape)]).astype(np.float32)
    shares: list[float] = []
    distances, positions = nearest(points, 5, shares.append)
    assert (positions[:, 0] == (np.arange(1_600) + 800) % 1_600).mean() > 0.999
    wanted = np.linalg.norm(points[:, None] - points[positions], axis=2)
    np.testing.assert_allclose(distances, wanted, atol=2e-3)
    assert all(len({index, *found}) == 6 for index, found in enumerate(positions.tolist()))
    assert (np.diff(distances, axis=1) >= 0).all() and shares == sorted(shares) and shares[-1] == 1
    exact = cKDTree(points).query(points, 6)[1][:, 1:]
    assert np.mean([len({*a} & {*b}) for a, b in zip(positions.tolist(), exact.tolist(), strict=True)]) > 4


def test_many_points_at_one_place_have_neighbours(monkeypatch):
    monkeypatch.setattr(neighbours, "_FEW", 10)
    monkeypatch.setattr(neighbours, "MOST_EXACT", 10)
    points = np.zeros((40, 3), np.float32)
    points[-1] = 9
    positions = nearest(points, 4)[1]
    assert (positions >= 0).all() and all(index not in found for index, found in enumerate(positions.tolist()))
