"""Where an image lies in the square that a detector sees: boxes go there and back without loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation, pad_box
from eyebright.system.errors import SettingsError


@dataclass(frozen=True)
class Letterbox:
    """Where `data.pictures` puts an image that it resizes with grey bars ("pad").

    Args:
        width: Of the upright original, in pixels.
        height: Of the upright original, in pixels.
        preparation: How it is resized; its `fit` must be "pad".

    Raises:
        SettingsError: When the image would be cropped or stretched.
    """

    width: int
    height: int
    preparation: Preparation

    def __post_init__(self) -> None:
        if self.preparation.fit != "pad":
            raise SettingsError(
                f"boxes need images with all their sides: expected fit 'pad', got {self.preparation.fit!r}"
            )

    def to_input(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners in pixels of the original as pixels of the prepared image, `(n, 4)`."""
        scale, offset = self._scale_and_offset()
        return np.asarray(corners * scale + offset, np.float64)

    def to_original(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of `to_input`; what lies on the bars gets corners outside the original."""
        scale, offset = self._scale_and_offset()
        return np.asarray((corners - offset) / scale, np.float64)

    def _scale_and_offset(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """By what x1, y1, x2, y2 are multiplied, and what is added; each side was rounded to pixels."""
        left, top, right, bottom = pad_box(self.width, self.height, self.preparation)
        scale = (right - left) / self.width, (bottom - top) / self.height
        return np.array([*scale, *scale]), np.array([left, top, left, top], np.float64)
