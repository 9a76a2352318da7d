"""How much of the detail of images lies outside the square (or other area) that cropping keeps."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.batches import spread
from eyebright.data.pictures import decode
from eyebright.data.sources.source import Source
from eyebright.data.threads import in_threads
from eyebright.system.errors import PictureError

SIDE = 64
SAMPLE = 100
MUCH = 1 / 3  # if a typical image loses at least so much of its detail, it is better padded than cropped


def lost_to_crop(source: Source, proportion: float = 1.0) -> float:
    """Median share of the detail that cropping removes, from up to 100 images spread over the source.

    Args:
        source: The images.
        proportion: Width divided by height of the area that is kept.

    Returns:
        0 to 1; 0 if no image can be opened.
    """

    def lost(index: int) -> float | None:
        try:
            return lost_of(decode(source.open(index)), proportion)
        except PictureError:
            return None

    sample = spread(np.arange(len(source.names)), SAMPLE).tolist()
    shares = [share for _, share in in_threads(lost, sample) if share is not None]
    return float(np.median(shares)) if shares else 0.0


def lost_of(picture: Image.Image, proportion: float = 1.0) -> float:
    """Share of the differences between neighbouring pixels of one image that lies outside the crop, 0 to 1.

    A large image is reduced by whole blocks of pixels: any other scale would blur some places more than others.

    Args:
        picture: The image.
        proportion: Width divided by height of the area that is kept.
    """
    wide = picture.width / picture.height / proportion
    grey = picture.convert("L").reduce((max(picture.width // SIDE, 1), max(picture.height // SIDE, 1)))
    levels = np.asarray(grey, np.float64)
    detail = np.abs(np.diff(levels, axis=0))[:, :-1] + np.abs(np.diff(levels, axis=1))[:-1]
    down, across = (_middle(share, count) for share, count in zip((wide, 1 / wide), detail.shape, strict=True))
    total = detail.sum()
    return float((detail * (1 - np.outer(down, across))).sum() / total) if total else 0.0


def _middle(share: float, count: int) -> NDArray[np.float64]:
    """For each of `count` rows or columns, how much of it lies within the middle share of all: 0 to 1."""
    beyond = count * max(1 - share, 0) / 2
    return np.diff(np.clip(np.arange(count + 1), beyond, count - beyond))
