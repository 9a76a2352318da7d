"""One picture: open, orient, convert, fit."""

from eyebright.pictures.opening import (
    DIGEST_SIDE,
    Opened,
    Source,
    decode,
    digest,
    open_picture,
    open_with_digest,
    size_of,
)
from eyebright.pictures.preparation import Fit, Preparation, crop_box, fit_picture
from eyebright.pictures.prints import PRINT, take_print

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
