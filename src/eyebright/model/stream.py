"""From images with their names to answers: opened ahead by threads, answered in batches, in their order."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from eyebright.data.pictures import ImageInput
from eyebright.data.threads import in_threads
from eyebright.system.errors import DownloadError, EyebrightError, PictureError
from eyebright.trust.prediction import Unreadable

Prepared = TypeVar("Prepared")
Answer = TypeVar("Answer")

LazyImage: TypeAlias = ImageInput | Callable[[], ImageInput]
"""An image, or a function that returns it and is called shortly before the prediction."""


def loaded(image: LazyImage) -> ImageInput:
    """The image itself; what returns one is called."""
    return image() if callable(image) else image


def prepare_named(prepare: Callable[[ImageInput], Prepared], image: ImageInput, name: str = "") -> tuple[str, Prepared]:
    """The name of an image, that of its file unless given, and the image as `prepare` gives it.

    Raises:
        PictureError: When it cannot be opened; the message begins with the name.
    """
    name = name or (str(image) if isinstance(image, str | Path) else "")
    try:
        return name, prepare(image)
    except PictureError as problem:
        raise PictureError(f"{name}: {problem}" if name else str(problem)) from problem


def stream(
    images: Iterable[tuple[str, LazyImage]],
    prepare: Callable[[ImageInput], Prepared],
    answer: Callable[[list[str], list[Prepared]], Iterable[Answer]],
    *,
    batch_size: int,
) -> Iterator[Answer | Unreadable]:
    """The answer for each (name, image), in their order; a few threads open images ahead.

    Batches grow from one image to `batch_size`, so that the first answer does not wait for a full batch.

    Args:
        images: The images with their names.
        prepare: Opens an image, as the network takes it.
        answer: From names and prepared images, at least one of each, to an answer for each.
        batch_size: How many images are answered together at most.
    """

    def opened(named: tuple[str, LazyImage]) -> Prepared | EyebrightError:
        try:
            return prepare(loaded(named[1]))
        except (PictureError, DownloadError) as problem:
            return problem

    waiting: list[tuple[str, Prepared | EyebrightError]] = []
    size = 1
    for (name, _), prepared in in_threads(opened, images):
        waiting.append((name, prepared))
        if len(waiting) == size:
            yield from _answers(waiting, answer)
            waiting, size = [], min(2 * size, batch_size)
    yield from _answers(waiting, answer)


def _answers(
    waiting: list[tuple[str, Prepared | EyebrightError]],
    answer: Callable[[list[str], list[Prepared]], Iterable[Answer]],
) -> Iterator[Answer | Unreadable]:
    """Answers and errors of a batch, in their order."""
    readable = [(name, prepared) for name, prepared in waiting if not isinstance(prepared, EyebrightError)]
    names, images = [name for name, _ in readable], [prepared for _, prepared in readable]
    found = iter(answer(names, images) if readable else ())
    for name, prepared in waiting:
        yield Unreadable(name=name, error=str(prepared)) if isinstance(prepared, EyebrightError) else next(found)
