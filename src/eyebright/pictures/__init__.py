"""One picture: open, orient, convert, fit."""

from eyebright.pictures.opening import Opened, Source, decode, digest, open_picture, open_with_digest, size_of
from eyebright.pictures.preparation import Fit, Preparation, fit_picture
from eyebright.pictures.prints import PRINT, take_print

__all__ = [
    "PRINT",
    "Fit",
    "Opened",
    "Preparation",
    "Source",
    "decode",
    "digest",
    "fit_picture",
    "open_picture",
    "open_with_digest",
    "size_of",
    "take_print",
]
