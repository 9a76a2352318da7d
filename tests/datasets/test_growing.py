import numpy as np
import pytest

from eyebright.datasets.growing import INDEX, Growing, rows_of

RECORD = np.dtype([("key", "<u8")])


@pytest.fixture
def store(tmp_path) -> Growing:
    """Rows of two bytes in one file, of three in another."""
    return Growing(tmp_path, RECORD, {"a": 2, "b": 3})


def add(store: Growing, *numbers: int) -> None:
    with store.adding() as adding:
        for number in numbers:
            adding.add((number,), bytes([number] * 2), bytes([number] * 3))


def test_rows_stand_one_after_the_other(store):
    add(store, 1, 2)
    add(store, 3)
    assert store.index()["key"].tolist() == [1, 2, 3]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 2, 2, 3, 3])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 2, 2, 2, 3, 3, 3])


@pytest.mark.parametrize(("name", "left"), [("a", 3), ("b", 5), (INDEX, 15)])
def test_a_store_that_was_cut_off_goes_on_behind_its_last_complete_row(store, name, left):
    add(store, 1, 2, 3)
    (store.folder / name).write_bytes((store.folder / name).read_bytes()[:left])
    assert store.index()["key"].tolist() == [1]
    add(store, 9)
    assert store.index()["key"].tolist() == [1, 9]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 9, 9])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 9, 9, 9])


def test_what_was_added_before_an_error_stays(store):
    with pytest.raises(KeyboardInterrupt), store.adding() as adding:
        adding.add((7,), b"aa", b"bbb")
        raise KeyboardInterrupt
    assert store.index()["key"].tolist() == [7]


def test_a_store_without_one_of_its_files_is_empty(store):
    add(store, 1)
    (store.folder / "b").unlink()
    assert not len(store.index())


def test_rows_are_found_by_key():
    known = np.array([5, 2**63 + 1, 9], np.uint64)
    assert rows_of(np.array([9, 4, 2**63 + 1, 10], np.uint64), known).tolist() == [2, -1, 1, -1]
    assert rows_of(known, np.empty(0, np.uint64)).tolist() == [-1, -1, -1]
