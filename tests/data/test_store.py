import numpy as np
import pytest

from eyebright.data.pictures import open_picture
from eyebright.data.sources.source import ArraySource
from eyebright.data.store import INDEX, RowStore, rows_of, streamed
from eyebright.system.errors import DataError

RECORD = np.dtype([("key", "<u8")])


@pytest.fixture
def store(tmp_path) -> RowStore:
    """Rows of two bytes in one file, of three in another."""
    return RowStore(tmp_path, RECORD, {"a": 2, "b": 3})


def add(store: RowStore, *numbers: int) -> None:
    with store.appending() as adding:
        for number in numbers:
            adding.add((number,), bytes([number] * 2), bytes([number] * 3))


def test_rows_stand_one_after_the_other(store):
    add(store, 1, 2)
    add(store, 3)
    assert store.index().records["key"].tolist() == [1, 2, 3]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 2, 2, 3, 3])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 2, 2, 2, 3, 3, 3])


@pytest.mark.parametrize(("name", "left"), [("a", 3), ("b", 5), (INDEX, 30)])
def test_a_store_that_was_cut_off_goes_on_behind_its_last_complete_row(store, name, left):
    add(store, 1, 2, 3)
    (store.folder / name).write_bytes((store.folder / name).read_bytes()[:left])
    assert store.index().records["key"].tolist() == [1]
    add(store, 9)
    assert store.index().records["key"].tolist() == [1, 9]
    assert (store.folder / "a").read_bytes() == bytes([1, 1, 9, 9])
    assert (store.folder / "b").read_bytes() == bytes([1, 1, 1, 9, 9, 9])


def test_what_was_added_before_an_error_stays(store):
    with pytest.raises(KeyboardInterrupt), store.appending() as adding:
        adding.add((7,), b"aa", b"bbb")
        raise KeyboardInterrupt
    assert store.index().records["key"].tolist() == [7]


def test_a_store_without_one_of_its_files_is_empty(store):
    add(store, 1)
    (store.folder / "b").unlink()
    assert not len(store) and not len(store.index().numbers)


def test_rows_are_found_by_key():
    known = np.array([5, 2**63 + 1, 9], np.uint64)
    assert rows_of(np.array([9, 4, 2**63 + 1, 10], np.uint64), known).tolist() == [2, -1, 1, -1]
    assert rows_of(known, np.empty(0, np.uint64)).tolist() == [-1, -1, -1]


def test_streamed_images_are_those_that_opening_gives_in_the_order_asked_for(noise, preparation):
    source = ArraySource([noise(number) for number in range(90)])  # more than are opened ahead
    positions = np.array([89, 3, 3, *range(80)])
    found = streamed(source, preparation, lambda _: True)(positions)
    wanted = [open_picture(source.open(position), preparation) for position in positions.tolist()]
    np.testing.assert_array_equal(found, np.stack(wanted))


def test_a_streamed_image_that_has_changed_or_cannot_be_opened_is_named(noise, preparation, monkeypatch):
    source = ArraySource([noise(number) for number in range(4)])
    read = streamed(source, preparation, lambda position: position != 2)
    assert read(np.array([3, 1])).shape == (2, 5, 6, 3)
    with pytest.raises(DataError, match=rf"{source.names[2]} cannot be read again \(it has changed\)"):
        read(np.array([1, 2]))
    monkeypatch.setattr(source, "open", lambda _: b"")
    with pytest.raises(DataError, match=rf"{source.names[1]} cannot be read again \(empty file\)"):
        read(np.array([1]))
