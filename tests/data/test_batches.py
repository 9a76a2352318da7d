import gc
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.data.batches import batches, content_order, cut, evenly, seed_of, share, shuffled, spread
from eyebright.data.pack import pack
from eyebright.data.sources.source import ArraySource
from eyebright.system.errors import SettingsError

sampled = settings(max_examples=30, deadline=None)


@pytest.fixture
def ten(noise, preparation):
    """A pack of ten pictures."""
    return pack(ArraySource([noise(number) for number in range(10)]), preparation)


@pytest.fixture
def no_threads_left():
    """After the test, as many threads run as before it."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(300)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10, 99])
def test_every_index_comes_once_in_order_with_its_label(ten, no_threads_left, batch_size):
    labels, indices = np.arange(10) * 7, np.array([4, 9, 0, 2, 7, 1, 8, 3, 6, 5])
    found = list(batches(ten, labels, indices, batch_size))
    assert [len(batch.labels) for batch in found[:-1]] == [batch_size] * (len(found) - 1)
    np.testing.assert_array_equal(np.concatenate([batch.labels for batch in found]), labels[indices])
    np.testing.assert_array_equal(np.concatenate([batch.pictures for batch in found]), ten.read(indices))


def test_types_and_shapes_are_as_promised(ten):
    batch = next(batches(ten, np.arange(10), np.arange(10), 4))
    assert [(part.dtype, part.shape) for part in batch] == [
        (np.uint8, (4, 5, 6, 3)), (np.int64, (4,)), (np.uint64, (4,))
    ]  # fmt: skip


def test_keys_stand_for_the_content(ten, noise, preparation):
    again = pack(ArraySource([noise(3), noise(8)]), preparation)
    (first,) = batches(ten, np.zeros(10, np.int64), np.array([8, 3]), 2)
    (second,) = batches(again, np.zeros(2, np.int64), np.array([1, 0]), 2)
    np.testing.assert_array_equal(first.keys, second.keys)
    assert first.keys[0] != first.keys[1]


def test_no_indices_give_no_batches(ten, no_threads_left):
    assert list(batches(ten, np.zeros(10, np.int64), np.empty(0, np.int64), 4)) == []


def test_an_error_while_reading_reaches_the_reader(ten, no_threads_left, monkeypatch):
    read = ten.read

    def fails(indices):
        if 4 in indices:
            raise OSError("the disk is gone")
        return read(indices)

    monkeypatch.setattr(ten, "read", fails)
    found = batches(ten, np.arange(10), np.arange(10), 2)
    assert [next(found).labels.tolist(), next(found).labels.tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)


def test_rows_that_are_gone_are_an_error_not_black_pictures(ten, own_cache, preparation):
    (rows,) = own_cache.rglob("rows.u8")
    with rows.open("r+b") as file:
        file.truncate(7 * preparation.size_bytes + 1)
    with pytest.raises(OSError, match="ends early"):
        list(batches(ten, np.arange(10), np.arange(10), 2))


@pytest.mark.parametrize("seen", [1, 2, 9])
@pytest.mark.parametrize("leave", ["close", "drop", "error"])
def test_leaving_early_leaves_no_thread(ten, no_threads_left, seen, leave):
    found = batches(ten, np.arange(10), np.arange(10), 1)
    for _ in range(seen):
        next(found)
    if leave == "close":
        found.close()
    elif leave == "error":
        with pytest.raises(KeyboardInterrupt):
            found.throw(KeyboardInterrupt())
    del found


def test_reading_runs_only_a_few_batches_ahead(ten, monkeypatch):
    reads: list[int] = []
    read = ten.read
    monkeypatch.setattr(ten, "read", lambda indices: reads.append(len(indices)) or read(indices))
    found = batches(ten, np.zeros(10, np.int64), np.arange(10).repeat(30), 1)
    for taken in range(1, 100):
        next(found)
        assert len(reads) <= taken + 4
    found.close()
    assert len(reads) < 110


@sampled
@given(st.lists(st.integers(0, 10**6), unique=True), st.integers(0, 99), st.integers(0, 99))
def test_an_epoch_is_a_permutation_that_only_seed_and_number_decide(indices, seed, epoch):
    indices = np.array(indices, np.int64)
    first = shuffled(indices, seed, epoch)
    np.random.seed(len(indices))
    shuffled(indices, seed + 1, epoch)
    np.testing.assert_array_equal(shuffled(indices, seed, epoch), first)
    assert sorted(first) == sorted(indices)


def test_every_seed_and_epoch_has_its_own_order():
    orders = {tuple(shuffled(np.arange(50), seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
    assert tuple(range(50)) not in orders


def test_an_order_does_not_change_the_indices_it_is_given():
    indices = np.arange(20)
    shuffled(indices, 0, 0)
    np.testing.assert_array_equal(indices, np.arange(20))


def test_content_order_is_the_same_wherever_the_pictures_come_from(noise, preparation):
    labels = np.array([1, 0, 1, 0, 1, 0])
    orders = []
    for numbers in (np.arange(6), np.array([5, 3, 0, 1, 4, 2])):
        packed = pack(ArraySource([noise(number) for number in numbers]), preparation)
        orders.append(numbers[content_order(packed, labels[numbers], np.arange(6))].tolist())
    assert orders[0] == orders[1]
    assert labels[orders[0]].tolist() == [0, 0, 0, 1, 1, 1]


def test_content_order_keeps_to_the_indices_it_is_given(ten):
    order = content_order(ten, np.zeros(10, np.int64), np.array([7, 2, 5]))
    assert (order.dtype, sorted(order)) == (np.int64, [2, 5, 7])
    assert content_order(ten, np.zeros(10, np.int64), np.empty(0, np.int64)).shape == (0,)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(0, 4, []), (1, 4, [1]), (4, 4, [4]), (5, 4, [5]), (6, 4, [4, 2]), (9, 4, [4, 5]), (3, 2, [3]), (5, 2, [2, 3]),
     (3, 1, [1, 1, 1]), (8, 4, [4, 4])],
)  # fmt: skip
def test_a_last_image_alone_joins_the_batch_before_it(count, batch_size, sizes):
    parts = cut(np.arange(count), batch_size)
    assert [len(part) for part in parts] == sizes
    assert [index for part in parts for index in part] == list(range(count))


@sampled
@given(st.integers(0, 100), st.integers(1, 5), st.integers(1, 6))
def test_the_shares_of_all_ranks_are_the_epoch_batch_by_batch(count, of, part):
    order = shuffled(np.arange(count), 3, 1)
    shares, whole = [share(order, of * part, rank, of) for rank in range(of)], cut(order, of * part)
    for number, batch in enumerate(whole):
        parts = [one[number] for one in shares if number < len(one)]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.sort(batch))
        if len(batch) == of * part:
            for rank, own in enumerate(parts):
                np.testing.assert_array_equal(own, batch[rank::of])
        if part > 1 and count > 1:
            assert min(map(len, parts)) > 1
    assert max(map(len, shares)) == len(whole)


@pytest.mark.parametrize(
    ("batch_size", "rank", "of", "words"),
    [(8, 0, 3, "give a multiple of 3"), (8, 2, 2, "rank 2"), (8, -1, 2, "rank -1"), (0, 0, 1, "batch of 0")],
)
def test_what_cannot_be_shared_is_refused(batch_size, rank, of, words):
    with pytest.raises(SettingsError, match=words):
        share(np.arange(9), batch_size, rank, of)


def test_a_seed_is_the_same_on_every_machine():
    """By hand: `printf 'order 0 1' | b2sum -l 128`."""
    assert seed_of("order 0 1", 16) == int.from_bytes(bytes.fromhex("3b21a828bea7855d7c86db9e89e9d76d"), "little")


@pytest.mark.parametrize(("count", "expected"), [(0, []), (3, [0, 1, 2]), (4, [0, 2]), (7, [0, 3, 6])])
def test_indices_are_spread_evenly(count, expected):
    assert spread(np.arange(count), 3).tolist() == expected


@pytest.mark.parametrize(
    ("of", "count", "expected"),
    [(10, 5, [0, 2, 4, 6, 8]), (10, 4, [0, 2, 5, 7]), (3, 7, [0, 1, 2]), (0, 3, []), (7, 1, [0])],
)
def test_as_many_indices_are_taken_evenly_as_are_wanted(of, count, expected):
    assert evenly(np.arange(of), count).tolist() == expected
