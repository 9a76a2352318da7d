"""One image: open it, turn it upright, convert it to RGB, resize it, and identify it."""

from eyebright.data.pictures.opening import (
    ImageInput,
    OpenedImage,
    decode,
    open_picture,
    open_with_digest,
    size_of,
    sizes_of,
)
from eyebright.data.pictures.preparation import Fit, Preparation, crop_box, pad_box, resize_picture
from eyebright.data.pictures.prints import PRINT, digest, take_prints

__all__ = [
    "PRINT",
    "Fit",
    "ImageInput",
    "OpenedImage",
    "Preparation",
    "crop_box",
    "decode",
    "digest",
    "open_picture",
    "open_with_digest",
    "pad_box",
    "resize_picture",
    "size_of",
    "sizes_of",
    "take_prints",
]
