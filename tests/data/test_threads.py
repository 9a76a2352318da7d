import threading

import pytest

from eyebright.data.threads import ahead, in_threads
from eyebright.system import machine


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


@pytest.fixture
def four_cores(monkeypatch):
    """Four threads, on any machine."""
    monkeypatch.setattr(machine, "cores", lambda: 4)


def test_results_come_with_their_items_in_the_order_of_the_items(four_cores):
    """Later items are finished first, and there are more of them than may wait."""
    first, finished = threading.Event(), []

    def square(number):
        if number == 0:
            assert first.wait(300)  # a last resort: other threads set it
        finished.append(number)
        if len(finished) == 20:
            first.set()
        return number * number

    assert list(in_threads(square, range(200))) == [(number, number * number) for number in range(200)]
    assert 0 in finished[20:]


def test_first_results_do_not_wait_for_the_last_items(four_cores):
    asked = []

    def items():
        for number in range(1000):
            asked.append(number)
            yield number

    results = in_threads(str, items())
    assert [next(results) for _ in range(3)] == [(0, "0"), (1, "1"), (2, "2")]
    assert len(asked) <= 3 + 65
    results.close()


def test_an_error_is_raised_at_its_item(four_cores):
    results = in_threads(lambda number: 1 / number, [2, 1, 0, 5])
    assert [next(results), next(results)] == [(2, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(results)
