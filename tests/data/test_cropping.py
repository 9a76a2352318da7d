import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eyebright.data.cropping import lost_to_crop
from eyebright.data.dataset import Dataset
from eyebright.data.sources.source import ArraySource
from eyebright.system.errors import PictureError

STREAM = np.random.default_rng(0)


def noise(height: int, width: int) -> np.ndarray:
    return STREAM.integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(40, 200), st.integers(40, 200), st.sampled_from([1.0, 0.5, 1.6]))
@example(40, 63, 1.0)  # resizing it to 64 across would blur the middle and leave the sides sharp: 0.43
def test_with_even_detail_the_lost_share_is_that_of_the_area(height: int, width: int, proportion: float) -> None:
    kept_width, kept_height = min(width, height * proportion), min(height, width / proportion)
    expected = 1 - kept_width * kept_height / (width * height)
    assert lost_to_crop(ArraySource([noise(height, width)]), proportion) == pytest.approx(expected, abs=0.04)


def test_square_images_lose_nothing() -> None:
    assert [lost_to_crop(ArraySource([noise(side, side)])) for side in range(20, 90)] == pytest.approx([0] * 70, abs=0)


def test_detail_is_lost_at_the_sides_and_not_in_the_middle() -> None:
    picture = np.full((60, 180, 3), 200, np.uint8)
    picture[:, 70:110] = noise(60, 40)
    assert lost_to_crop(ArraySource([picture])) < 0.02
    picture = np.full((60, 180, 3), 200, np.uint8)
    picture[:, :40] = noise(60, 40)
    assert lost_to_crop(ArraySource([picture])) > 0.95


def test_images_without_detail_or_that_cannot_be_opened_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArraySource([np.zeros((10, 90, 3), np.uint8)])
    assert lost_to_crop(source) == 0

    def fail(index: int) -> None:
        raise PictureError("no")

    monkeypatch.setattr(source, "open", fail)
    assert lost_to_crop(source) == 0


@pytest.mark.parametrize(("size", "fit"), [((50, 50), "crop"), ((50, 66), "crop"), ((40, 120), "pad")])
def test_images_that_would_lose_a_third_are_padded(size: tuple[int, int], fit: str) -> None:
    dataset = Dataset.from_arrays([noise(*size) for _ in range(4)], ["a", "b"] * 2)
    assert dataset.best_resize()[0] == fit
