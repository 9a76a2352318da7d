"""What cropping to size would leave out: how much of a picture's detail lies beyond the middle that is kept."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures import decode
from eyebright.data.sources.source import Source
from eyebright.data.threads import in_threads
from eyebright.system.errors import PictureError

SIDE = 64
SAMPLE = 100
MUCH = 1 / 3  # a typical picture that loses so much of its detail is better shown whole


def lost_to_crop(source: Source, proportion: float = 1.0) -> float:
    """Median share of the detail that cropping leaves out, over up to 100 pictures spread over the source.

    Args:
        source: The pictures.
        proportion: Width by height of the area that they are cropped to.

    Returns:
        0 to 1; 0 where no picture can be opened.
    """
    step = max(-(-len(source.names) // SAMPLE), 1)

    def attempt(index: int) -> float | None:
        try:
            return lost_of(decode(source.open(index), SIDE), proportion)
        except PictureError:
            return None

    shares = [share for _, share in in_threads(attempt, range(0, len(source.names), step)) if share is not None]
    return float(np.median(shares)) if shares else 0.0


def lost_of(picture: Image.Image, proportion: float = 1.0) -> float:
    """Share of the differences between neighbouring pixels that lies outside of the crop, 0 to 1.

    A large picture is reduced by whole blocks: any other scale would smooth one place more than another.
    """
    wide = picture.width / picture.height / proportion
    grey = picture.convert("L").reduce((max(picture.width // SIDE, 1), max(picture.height // SIDE, 1)))
    levels = np.asarray(grey, np.float64)
    detail = np.abs(np.diff(levels, axis=0))[:, :-1] + np.abs(np.diff(levels, axis=1))[:-1]
    down, across = (_middle(share, count) for share, count in zip((wide, 1 / wide), detail.shape, strict=True))
    total = detail.sum()
    return float((detail * (1 - np.outer(down, across))).sum() / total) if total else 0.0


def _middle(share: float, count: int) -> NDArray[np.float64]:
    """How much of each of so many columns lies in the middle share of all: 0 to 1."""
    beyond = count * max(1 - share, 0) / 2
    return np.diff(np.clip(np.arange(count + 1), beyond, count - beyond))
