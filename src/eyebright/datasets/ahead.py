"""Work ahead: a thread makes the next items while the reader uses the last one."""

from collections.abc import Iterable, Iterator
from queue import Queue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], count: int = 2) -> Iterator[T]:
    """The items, in their order, up to `count` of them made before they are asked for.

    An error in making them is raised where they are read. A reader who leaves early stops the making.
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
        except BaseException as problem:  # raised again where the items are read
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
