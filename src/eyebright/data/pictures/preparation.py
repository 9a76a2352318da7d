"""How a decoded image is prepared for a model: settings that are saved with the model, and the resize itself."""

from functools import partial
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.system.errors import SettingsError
from eyebright.system.records import Record
from eyebright.system.text import nearest

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
LARGE = 1_000_000  # pixels of an image that is reduced by whole blocks before it is resized, which is much faster
BACKGROUND = (127, 127, 127)  # of padding: the middle of the range, near zero after normalisation


class Preparation(Record, frozen=True, kw_only=True):
    """The size and channels of the images that a model takes, and how images are resized to it.

    Args:
        width: Width in pixels, 1 to 16384.
        height: Height in pixels, 1 to 16384.
        fit: How to resize an image of other proportions: "crop" cuts off two sides, "pad" adds grey bars, "stretch"
            distorts it.
        channels: 3 for colour (RGB), 1 for grey.
    """

    width: int
    height: int
    fit: Fit = "crop"
    channels: int = 3

    def __post_init__(self) -> None:
        if not (0 < self.width <= 16_384 and 0 < self.height <= 16_384):
            raise SettingsError(f"width and height must be from 1 to 16384 pixels, got {self.width}x{self.height}")
        if self.fit not in get_args(Fit):
            raise SettingsError(f"unknown resize mode {self.fit!r}: {nearest(self.fit, list(get_args(Fit)))}")
        if self.channels not in (1, 3):
            raise SettingsError(f"channels must be 3 (colour) or 1 (grey), got {self.channels}")

    @classmethod
    def of_input(cls, shape: tuple[int, ...], fit: Fit = "crop") -> "Preparation":
        """How images are prepared for the input of a network, `(channels, height, width)`."""
        channels, height, width = shape
        return cls(width=width, height=height, fit=fit, channels=channels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a prepared image: (height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def size_bytes(self) -> int:
        """Size of a prepared image in bytes."""
        return self.height * self.width * self.channels


def takes_images(input_shape: tuple[int, ...]) -> bool:
    """Whether an input of a network is that of images in colour or grey, `(channels, height, width)`."""
    return len(input_shape) == 3 and input_shape[0] in (1, 3)


def crop_box(width: int, height: int, preparation: Preparation) -> tuple[float, float, float, float]:
    """The part of an image that "crop" keeps, in pixels: (left, top, right, bottom)."""
    scale = max(preparation.width / width, preparation.height / height)
    left = max((width - preparation.width / scale) / 2, 0)  # rounding may give a value just below 0
    top = max((height - preparation.height / scale) / 2, 0)
    return left, top, width - left, height - top


def pad_box(width: int, height: int, preparation: Preparation) -> tuple[int, int, int, int]:
    """Where "pad" puts an image in the prepared one, in its pixels: (left, top, right, bottom)."""
    scale = min(preparation.width / width, preparation.height / height)
    inner = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (preparation.width - inner[0]) // 2, (preparation.height - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]


def resize_picture(picture: Image.Image, preparation: Preparation) -> NDArray[np.uint8]:
    """Resize an RGB image as the preparation says, bilinear with antialiasing; then make it grey for one channel.

    An image of a million pixels or more is first reduced to the means of blocks, if more than three times the wanted
    size remain (`reducing_gap` of Pillow).
    Grey is `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601), so that an image that is grey keeps its values.

    Returns:
        The pixels, `(height, width, channels)`, uint8.
    """
    resized = _resized(picture, preparation)
    return np.asarray(resized.convert("L"))[:, :, None] if preparation.channels == 1 else np.asarray(resized)


def _resized(picture: Image.Image, preparation: Preparation) -> Image.Image:
    area = (preparation.width, preparation.height)
    gap = 3.0 if picture.width * picture.height >= LARGE else None
    resize = partial(picture.resize, resample=Image.Resampling.BILINEAR, reducing_gap=gap)
    if preparation.fit == "stretch":
        return resize(area)
    if preparation.fit == "crop":
        return resize(area, box=crop_box(*picture.size, preparation))
    left, top, right, bottom = pad_box(*picture.size, preparation)
    canvas = Image.new("RGB", area, BACKGROUND)
    canvas.paste(resize((right - left, bottom - top)), (left, top))
    return canvas
