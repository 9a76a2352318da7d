"""How a picture becomes an array: the settings that travel with a model, and fitting a decoded picture to size."""

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import nearest

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
BACKGROUND = (127, 127, 127)  # what pads a picture: the middle of the range, near zero after normalisation


class Preparation(Record, frozen=True, kw_only=True):
    """Size and fit of the arrays that a model sees.

    Args:
        width: Pixels across.
        height: Pixels down.
        fit: What happens to a picture of other proportions: "crop" covers the area and loses the overhanging sides,
            "pad" shows all of it on grey, "stretch" distorts it.
    """

    width: int
    height: int
    fit: Fit = "crop"

    def __post_init__(self) -> None:
        if not (0 < self.width <= 16_384 and 0 < self.height <= 16_384):
            raise SettingsError(f"pictures are prepared to 1 to 16384 pixels a side, got {self.width}x{self.height}")
        if self.fit not in get_args(Fit):
            raise SettingsError(f"fit {self.fit!r} is unknown: {nearest(self.fit, list(get_args(Fit)))}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a prepared picture: (height, width, 3)."""
        return self.height, self.width, 3

    @property
    def size_bytes(self) -> int:
        """Bytes that a prepared picture takes."""
        return self.height * self.width * 3


def crop_box(width: int, height: int, preparation: Preparation) -> tuple[float, float, float, float]:
    """What cropping keeps of a picture of so many pixels: left, top, right, bottom."""
    scale = max(preparation.width / width, preparation.height / height)
    left = max((width - preparation.width / scale) / 2, 0)  # rounding may leave it a hair below
    top = max((height - preparation.height / scale) / 2, 0)
    return left, top, width - left, height - top


def fit_picture(picture: Image.Image, preparation: Preparation) -> NDArray[np.uint8]:
    """Bring an RGB picture to size with an antialiased (bilinear) resize.

    Returns:
        The pixels, `(height, width, 3)`, uint8.
    """
    area = (preparation.width, preparation.height)
    if preparation.fit == "stretch":
        return np.asarray(picture.resize(area, Image.Resampling.BILINEAR))
    if preparation.fit == "crop":
        return np.asarray(picture.resize(area, Image.Resampling.BILINEAR, box=crop_box(*picture.size, preparation)))
    scale = min(area[0] / picture.width, area[1] / picture.height)
    inner = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    canvas = Image.new("RGB", area, BACKGROUND)
    canvas.paste(
        picture.resize(inner, Image.Resampling.BILINEAR), ((area[0] - inner[0]) // 2, (area[1] - inner[1]) // 2)
    )
    return np.asarray(canvas)
