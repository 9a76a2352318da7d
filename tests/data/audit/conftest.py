"""Images for an audit: photographs made of smooth noise, and thumbnails of them."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter


@pytest.fixture
def photo() -> Callable[[int], Image.Image]:
    """A different image for each number: patches of colour, large and small, as in photographs."""

    def photo(number: int) -> Image.Image:
        random = np.random.default_rng(number)
        layers = [gaussian_filter(random.normal(size=(150, 200, 3)), (s, s, 0)) * s * 60 for s in (2, 6, 20)]
        return Image.fromarray(np.clip(sum(layers) + 128, 0, 255).astype(np.uint8))

    return photo


@pytest.fixture
def thumbnail() -> Callable[[Image.Image], np.ndarray]:
    return lambda picture: np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR))
