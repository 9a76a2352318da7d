"""One picture: open, orient, convert, fit."""

from eyebright.pictures.opening import Source, decode, digest, open_picture, open_with_digest, size_of
from eyebright.pictures.preparation import Fit, Preparation, fit_picture

__all__ = [
    "Fit",
    "Preparation",
    "Source",
    "decode",
    "digest",
    "fit_picture",
    "open_picture",
    "open_with_digest",
    "size_of",
]
