import threading

import pytest

from eyebright.data.threads import ahead


def test_items_come_in_their_order():
    assert list(ahead(range(100))) == list(range(100))


def test_none_is_an_item_like_any_other():
    assert list(ahead([None, 1, None])) == [None, 1, None]


def test_no_more_are_made_than_asked_for():
    made = []

    def make():
        for number in range(100):
            made.append(number)
            yield number

    reader = ahead(make(), count=2)
    next(reader)
    reader.close()
    assert len(made) <= 6


def test_an_error_is_raised_where_the_items_are_read():
    def make():
        yield 1
        raise ValueError("broken")

    reader = ahead(make())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="broken"):
        next(reader)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    reader = ahead(range(1000))
    next(reader)
    reader.close()
    list(ahead(range(10)))
    assert threading.active_count() == before
