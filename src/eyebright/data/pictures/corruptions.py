"""Mild corruptions of prepared images, as cameras, networks and people cause them: blur, noise, JPEG, light, rotation.

Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
section 4.1, with the constants of their `make_imagenet_c.py` for severity 1 and 2, the mildest of five. Theirs are for
images of 224 pixels: the blur is scaled with the size. Rotation is from their ImageNet-P, which goes up to 15 degrees.
"""

import io
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_REFERENCE_PX = 224

Corrupt: TypeAlias = Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[np.uint8]]
"""From an image `(H, W, channels)`, uint8, a strength and random numbers to the corrupted image of the same shape."""


class Corruption(NamedTuple):
    """A corruption.

    Args:
        name: What it is, for people.
        unit: What its strength means.
        strengths: Its strength at severity 1 and 2.
        corrupt: Computes it.
    """

    name: str
    unit: str
    strengths: tuple[float, float]
    corrupt: Corrupt

    def __call__(self, pixels: NDArray[np.uint8], severity: int, stream: np.random.Generator) -> NDArray[np.uint8]:
        """The corrupted image, `(H, W, channels)`, uint8, for an image of the same shape and severity 1 or 2."""
        return self.corrupt(pixels, self.strengths[severity - 1], stream)


def blur(pixels: NDArray[np.uint8], sigma: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """A Gaussian blur; the strength is its standard deviation in pixels of an image of 224 pixels."""
    from scipy.ndimage import gaussian_filter  # slow to import, and only a few commands need it

    width = sigma * min(pixels.shape[:2]) / _REFERENCE_PX
    return _rounded(gaussian_filter(pixels.astype(np.float32), (width, width, 0), mode="nearest"))


def noise(pixels: NDArray[np.uint8], deviation: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """Gaussian noise, independent for each value; the strength is its standard deviation, where 1 is the full range."""
    return _rounded(pixels + 255 * deviation * stream.standard_normal(pixels.shape, np.float32))


def jpeg(pixels: NDArray[np.uint8], quality: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """The image saved as JPEG and opened again; the strength is Pillow's quality."""
    file = io.BytesIO()
    _image(pixels).save(file, "JPEG", quality=int(quality))
    return _pixels(Image.open(file))


def brightness(pixels: NDArray[np.uint8], lift: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """A brighter image: the strength is added to the value of HSV, where 1 is the full range."""
    value = pixels.max(axis=2, keepdims=True).astype(np.float32)
    brighter = np.minimum(value + 255 * lift, 255)
    return _rounded(np.where(value > 0, pixels * (brighter / np.maximum(value, 1)), brighter))


def rotation(pixels: NDArray[np.uint8], degrees: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """The image rotated about its centre, to the left or to the right by chance; the border is mirrored."""
    height, width, _ = pixels.shape
    margin = max(1, min(height, width) // 4)
    whole = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    turned = _image(whole).rotate(stream.choice([-degrees, degrees]), Image.Resampling.BILINEAR)
    return _pixels(turned.crop((margin, margin, margin + width, margin + height)))


def rescaling(pixels: NDArray[np.uint8], scale: float, stream: np.random.Generator) -> NDArray[np.uint8]:
    """The image made smaller and large again by the means of boxes; the strength is the scale (their "pixelate")."""
    height, width, _ = pixels.shape
    small = _image(pixels).resize((max(int(width * scale), 1), max(int(height * scale), 1)), Image.Resampling.BOX)
    return _pixels(small.resize((width, height), Image.Resampling.BOX))


CORRUPTIONS = (
    Corruption("blur", "px of 224", (1.0, 2.0), blur),
    Corruption("noise", "of the range", (0.08, 0.12), noise),
    Corruption("JPEG", "of 100 (quality)", (25, 18), jpeg),
    Corruption("brightness", "of the range", (0.1, 0.2), brightness),
    Corruption("rotation", "degrees", (5.0, 10.0), rotation),
    Corruption("rescaling", "of the size", (0.6, 0.5), rescaling),
)
SEVERITIES = (1, 2)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.atleast_3d(np.asarray(image, np.uint8))


def _rounded(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
