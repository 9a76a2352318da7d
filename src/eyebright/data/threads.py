"""Threads that compute the next items while the reader uses the current one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from threading import Thread
from typing import TypeVar

from eyebright.system import machine

S = TypeVar("S")
T = TypeVar("T")
_MOST_WAITING = 64


def ahead(items: Iterable[T], count: int = 2) -> Iterator[T]:
    """The items in their order; up to `count` of them are computed before they are needed.

    An error in computing them is raised where they are read. A reader that stops early also stops the computing.
    """
    queue: Queue[tuple[T] | BaseException | None] = Queue(count)
    stopped = False

    def make() -> None:
        try:
            for item in items:
                if stopped:
                    return
                queue.put((item,))
            queue.put(None)
        except BaseException as problem:  # raised where the items are read
            queue.put(problem)

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while (made := queue.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            yield made[0]
    finally:
        stopped = True
        while thread.is_alive():
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.01)


def in_threads(function: Callable[[S], T], items: Iterable[S]) -> Iterator[tuple[S, T]]:
    """Each item with its result, in the order of the items; one thread for each core works ahead.

    The first results do not wait for the last items; when a reader stops early, the rest is not computed.
    """
    ahead: deque[tuple[S, Future[T]]] = deque()
    pool = ThreadPoolExecutor(machine.cores())
    try:
        for item in items:
            ahead.append((item, pool.submit(function, item)))
            if len(ahead) > _MOST_WAITING or ahead[0][1].done():
                first, result = ahead.popleft()
                yield first, result.result()
        while ahead:
            first, result = ahead.popleft()
            yield first, result.result()
    finally:
        pool.shutdown(cancel_futures=True)
