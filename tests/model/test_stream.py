from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from eyebright.model.stream import loaded, prepare_named, stream
from eyebright.system.errors import DownloadError, PictureError
from eyebright.trust.prediction import Unreadable


def prepare(image: object) -> int:
    """The number that stands for an image; an odd one cannot be opened."""
    if isinstance(image, int) and image % 2:
        raise PictureError(f"{image} is odd")
    return 10 * image  # type: ignore[operator, no-any-return]


def missing() -> bytes:
    raise DownloadError("refused")


def test_batches_grow_from_one_image_and_hold_only_what_can_be_opened():
    batches: list[list[int]] = []

    def answer(names: Sequence[str], prepared: Sequence[int]) -> list[str]:
        batches.append(list(prepared))
        return [f"{name}: {number}" for name, number in zip(names, prepared, strict=True)]

    images = [(str(number), number) for number in (0, 2, 4, 6, 7, 8, 10, 12, 1, 3, 5, 9)]
    images.insert(8, ("gone", missing))  # type: ignore[arg-type]
    found = list(stream(images, prepare, answer, batch_size=4))  # type: ignore[arg-type]
    assert batches == [[0], [20, 40], [60, 80, 100], [120]]  # of 1, 2, 4 and 4 images, then two that are odd
    assert [one.name if isinstance(one, Unreadable) else one.split(":")[0] for one in found] == [
        name for name, _ in images
    ]
    assert found[8] == Unreadable(name="gone", error="refused") and found[5] == "8: 80"


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        ("a/1.jpg", "", "a/1.jpg"),
        (Path("a/1.jpg"), "", str(Path("a/1.jpg"))),
        ("a/1.jpg", "mine", "mine"),
        (b"", "", ""),
    ],
)
def test_an_image_has_the_name_of_its_file_unless_one_is_given_also_in_errors(image, name, expected):
    def refuse(image: object) -> None:
        raise PictureError("not an image")

    assert prepare_named(lambda image: 5, image, name) == (expected, 5)
    with pytest.raises(PictureError, match=f"^{expected}{': ' if expected else ''}not an image$"):
        prepare_named(refuse, image, name)


def test_what_returns_an_image_is_called():
    pixels = np.zeros((2, 2), np.uint8)
    assert loaded(lambda: pixels) is pixels and loaded(pixels) is pixels
