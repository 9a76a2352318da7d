import numpy as np

from eyebright.audit.together import together


def thumbnails(*seeds: int) -> np.ndarray:
    """One of large shapes for each seed."""
    small = [np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8) for seed in seeds]
    return np.stack([picture.repeat(8, axis=0).repeat(8, axis=1) for picture in small])


def content(*numbers: int) -> list[bytes]:
    return [bytes([number]) * 16 for number in numbers]


def test_exact_and_near_copies_chain_to_one_set():
    pictures = thumbnails(1, 1, 1, 2, 3, 4, 5)
    pictures[1] = pictures[1, :, ::-1]  # mirrored, hence another content
    sets = together(np.zeros(7, np.int64), pictures, content(1, 2, 1, 4, 5, 6, 7))
    assert sets[0] == sets[1] == sets[2] >= 0
    assert sets[3:].tolist() == [-1] * 4


def test_sets_do_not_depend_on_the_order():
    pictures, digests = thumbnails(1, 1, 2, 3, 4, 5), content(1, 2, 3, 4, 5, 6)
    pictures[1] = np.rot90(pictures[1])
    order = [4, 1, 5, 0, 3, 2]
    expected = together(np.zeros(6, np.int64), pictures, digests)
    found = together(np.zeros(6, np.int64), pictures[order], [digests[index] for index in order])
    np.testing.assert_array_equal(found, expected[order])
    assert (found >= 0).any()


def test_a_class_of_little_but_copies_keeps_three_sets():
    pictures = thumbnails(1, 1, 1, 2, 3, 4)
    pictures[1], pictures[2] = np.rot90(pictures[1]), pictures[2, ::-1]
    sets = together(np.array([0, 0, 0, 1, 1, 1]), pictures, content(1, 2, 3, 4, 5, 6))
    assert sets.tolist() == [-1] * 6
