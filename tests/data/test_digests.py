import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.data.digests import Digests

contents = st.lists(st.binary(min_size=16, max_size=16).filter(any), max_size=40)


@settings(max_examples=100, deadline=None)
@given(contents, st.randoms(use_true_random=False))
def test_they_are_the_bytes_and_their_ranks_sort_as_bytes_do(different, random):
    digests = [random.choice([*different, b""]) for _ in range(30)]
    held = Digests.of(digests)
    assert list(held) == digests and len(held) == 30
    assert list(held[3:9]) == digests[3:9] and list(held.at(np.array([7, 0, 7]))) == [digests[at] for at in (7, 0, 7)]
    order = sorted(set(digests))
    assert held.ranks().tolist() == [order.index(digest) for digest in digests]
    assert held.keys.tolist() == [int.from_bytes(digest[:8], "little") for digest in digests]


def test_of_none_there_are_none():
    assert list(Digests.of([])) == [] and Digests.of([]).ranks().shape == Digests.of([]).keys.shape == (0,)


def test_a_picture_takes_16_bytes():
    held = Digests.of([bytes([number + 1]) * 16 for number in range(100)])
    assert held.values.nbytes == 1_600 and Digests.of(held).values is held.values


def test_beyond_the_end_there_is_nothing():
    with pytest.raises(IndexError):
        Digests.of([b"a" * 16])[1]
