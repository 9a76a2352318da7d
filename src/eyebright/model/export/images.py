"""Images on which an export is compared with its model: real ones, or synthetic ones where there are none."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import seed_of
from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.golden import golden_pictures

MOST_IMAGES = 1_000
_SYNTHETIC = 60


class ProofImages(NamedTuple):
    """Images to compare on.

    Args:
        pixels: Prepared, `(N, height, width, channels)`, uint8.
        origin: Where they are from, such as "validation images".
        labels: Their classes `(N,)`; None where they are not known.
    """

    pixels: NDArray[np.uint8]
    origin: str
    labels: NDArray[np.int64] | None = None


def synthetic_images(preparation: Preparation) -> ProofImages:
    """The golden images, and noise of many sizes, for where there are no real images."""
    random = np.random.default_rng(seed_of("images to prove an export on"))
    cells = [int(random.integers(5, 65)) for _ in range(_SYNTHETIC)]
    noise = [random.integers(0, 256, (side, side, 3), np.uint8) for side in cells]
    pixels = [open_picture(image, preparation) for image in noise]
    golden = golden_pictures(preparation)[1]
    return ProofImages(
        np.concatenate([golden, np.stack(pixels)]), "golden and synthetic images: no real ones were given"
    )
