"""What cropping to size would leave out: how much of a picture's detail lies beyond the middle that is kept."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.datasets.ahead import in_threads
from eyebright.datasets.sources import Source
from eyebright.errors import PictureError
from eyebright.pictures import decode

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
            return _lost(decode(source.open(index), SIDE), proportion)
        except PictureError:
            return None

    shares = [share for _, share in in_threads(attempt, range(0, len(source.names), step)) if share is not None]
    return float(np.median(shares)) if shares else 0.0


def _lost(picture: Image.Image, proportion: float) -> float:
    """Share of the differences between neighbouring pixels that lies outside of the crop."""
    wide = picture.width / picture.height / proportion
    grey = np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float64)
    detail = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    kept = _middle(min(1 / wide, 1.0)), _middle(min(wide, 1.0))  # across, down
    total = detail.sum()
    return 1 - float(kept[1] @ detail @ kept[0] / total) if total else 0.0


def _middle(share: float) -> NDArray[np.float64]:
    """How much of each column lies in the middle share of all: 0 to 1."""
    edges = np.linspace(-0.5, 0.5, SIDE)
    inside = np.clip(edges, -share / 2, share / 2)
    kept: NDArray[np.float64] = np.diff(inside) * (SIDE - 1)
    return kept
