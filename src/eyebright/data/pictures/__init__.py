"""One picture: open, orient, convert, fit."""

from eyebright.data.pictures.opening import (
    DIGEST_SIDE,
    Opened,
    Source,
    decode,
    digest,
    open_picture,
    open_with_digest,
    size_of,
)
from eyebright.data.pictures.preparation import Fit, Preparation, crop_box, fit_picture
from eyebright.data.pictures.prints import PRINT, take_print

__all__ = [
    "DIGEST_SIDE",
    "PRINT",
    "Fit",
    "Opened",
    "Preparation",
    "Source",
    "crop_box",
    "decode",
    "digest",
    "fit_picture",
    "open_picture",
    "open_with_digest",
    "size_of",
    "take_print",
]
