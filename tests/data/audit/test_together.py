import numpy as np
import pytest

from eyebright.data.audit.together import together


def thumbnails(*seeds: int) -> np.ndarray:
    """A thumbnail of large shapes for each seed."""
    small = [np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8) for seed in seeds]
    return np.stack([picture.repeat(8, axis=0).repeat(8, axis=1) for picture in small])


def content(*numbers: int) -> list[bytes]:
    return [bytes([number]) * 16 for number in numbers]


def test_exact_and_near_duplicates_chain_to_one_set():
    pictures = thumbnails(1, 1, 1, 2, 3, 4, 5)
    pictures[1] = pictures[1, :, ::-1]  # mirrored, hence another content
    sets = together(np.zeros(7, np.int64), pictures, content(1, 2, 1, 4, 5, 6, 7)).kept
    assert sets[0] == sets[1] == sets[2] >= 0
    assert sets[3:].tolist() == [-1] * 4


def test_sets_do_not_depend_on_the_order():
    pictures, digests = thumbnails(1, 1, 2, 3, 4, 5), content(1, 2, 3, 4, 5, 6)
    pictures[1] = np.rot90(pictures[1])
    order = [4, 1, 5, 0, 3, 2]
    expected = together(np.zeros(6, np.int64), pictures, digests).kept
    found = together(np.zeros(6, np.int64), pictures[order], [digests[index] for index in order]).kept
    np.testing.assert_array_equal(found, expected[order])
    assert (found >= 0).any()


def test_a_class_of_almost_only_duplicates_keeps_three_sets():
    pictures = thumbnails(1, 1, 1, 2, 3, 4)
    pictures[1], pictures[2] = np.rot90(pictures[1]), pictures[2, ::-1]
    sets = together(np.array([0, 0, 0, 1, 1, 1]), pictures, content(1, 2, 3, 4, 5, 6))
    assert sets.kept.tolist() == [-1] * 6
    assert len(set(sets.related[:3].tolist())) == 1 and sets.related[0] >= 0  # but they are reported


def partition(sets: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(sets == number).tolist()) for number in set(sets.tolist()) - {-1}}


def test_known_groups_are_joined_where_they_share_duplicates():
    """0 is 1 mirrored, in two groups; 6, in no group, is 7 turned; 8 and 9 have the same content."""
    pictures = thumbnails(1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12)
    pictures[1], pictures[6] = pictures[1, :, ::-1], np.rot90(pictures[6])
    groups = np.array([0, 1, 0, 1, 2, 2, -1, 2, 3, -1, 4, 4, -1, -1, -1])
    digests = content(1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 11, 12, 13, 14, 15)
    sets = together(np.zeros(15, np.int64), pictures, digests, groups)
    assert partition(sets.kept) == {(0, 1, 2, 3), (4, 5, 6, 7), (8, 9), (10, 11)}
    assert partition(sets.related) == {(0, 1), (6, 7), (8, 9)}
    order = np.random.default_rng(0).permutation(15)
    shuffled = together(np.zeros(15, np.int64), pictures[order], [digests[index] for index in order], groups[order])
    np.testing.assert_array_equal(shuffled.kept, sets.kept[order])


@pytest.mark.parametrize("classes", [1, 2])
def test_duplicates_join_groups_to_at_most_a_third_of_a_class(classes):
    """Ten groups of three, each with a duplicate of an image of the next group: ten of thirty images may be joined."""
    group = np.repeat(np.arange(10), 3)
    seeds = np.arange(30)
    seeds[3::3] = seeds[2:-1:3]  # the first image of a group is the last of the one before
    pictures = thumbnails(*seeds.tolist())
    pictures[3::3] = pictures[3::3, ::-1]
    labels = np.arange(30) % classes  # with two classes of fifteen, a set may have five of each
    sets = together(labels, pictures, content(*range(1, 31)), group)
    sizes = [len(one) for one in partition(sets.kept)]
    assert max(sizes) == 9 and sum(sizes) == 30
    assert all(len(set(sets.kept[group == one].tolist())) == 1 for one in range(10))
    assert len(partition(sets.related)) == 9


def test_a_class_keeps_three_groups_however_many_duplicates_they_share():
    """One pair of four groups may be joined; images in no group join them, even beyond a third of the class."""
    seeds = [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    pictures = thumbnails(*seeds)
    for index in range(10):
        pictures[index] = np.rot90(pictures[index], index % 4)[:, :: 1 if index < 8 else -1]
    sets = together(np.zeros(10, np.int64), pictures, content(*range(1, 11)), np.array([0, 1, 2, 3] + [-1] * 6)).kept
    assert len(set(sets.tolist())) >= 3


def test_the_most_similar_duplicates_join_their_groups_first():
    """Of twelve images, four may be joined: two of three groups, and the last two are more similar than the first."""
    pictures = thumbnails(*range(12))
    pictures[2] = np.clip(pictures[1, :, ::-1] + np.random.default_rng(0).normal(0, 12, (32, 32, 3)), 0, 255)
    pictures[4] = pictures[3, :, ::-1]
    groups = np.array([0, 0, 1, 1, 2, 2, *[-1] * 6])
    sets = together(np.zeros(12, np.int64), pictures, content(*range(1, 13)), groups)
    assert partition(sets.related) == {(1, 2), (3, 4)}
    assert partition(sets.kept) == {(0, 1), (2, 3, 4, 5)}


@pytest.mark.parametrize(("count", "found"), [(127, False), (128, True)])
def test_bursts_are_searched_from_128_images_on_if_no_groups_are_known(count, found):
    """Sixteen tracks of eight frames, too noisy for near-duplicates."""
    random = np.random.default_rng(0)
    track = np.arange(count) // 8
    places = random.integers(30, 220, (16, 8, 8, 3))[track].repeat(4, axis=1).repeat(4, axis=2)
    frames = np.clip(places + random.normal(0, 18, places.shape), 0, 255).astype(np.uint8)
    sets = together(track % 4, frames, content(*range(count)))
    assert all(len(set(track[list(pair)].tolist())) == 1 for pair in partition(sets.related))  # the most similar frames
    assert (len(partition(sets.kept)) > 8) == found and bool(partition(sets.kept)) == found
    known = together(track % 4, frames, content(*range(count)), np.where(track == 3, 3, -1))
    assert partition(known.kept) == {tuple(range(24, 32))}
