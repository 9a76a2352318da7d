"""From the pixels that a file stores to 8 bits in sRGB: bit depths, colour profiles, palettes and transparency.

Each pixel is converted on its own, so large images are converted in strips, which need little memory. The steps are
written down in docs/model-format.md, since other programs must do the same.
"""

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, TiffImagePlugin

from eyebright.data.pictures.unsupported import BITS, NO_RANGE
from eyebright.system.errors import PictureError

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_Box: TypeAlias = tuple[int, int, int, int]
_STRIP_PIXELS = 2**21
_TRANSPARENT = ("RGBA", "RGBa", "LA", "La", "PA")
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B")
_SCALED = ("PNG", "PPM")  # of these, Pillow's mode of 32 bits has values up to 65535
_NEARLY_SRGB = 2  # of 255: a profile that changes no colour of the probe by more is that of sRGB
_MOST_PROFILE_BYTES = 2**24
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0


def to_rgb(stored: Image.Image, *, wide: bool = False) -> Image.Image:
    """A decoded image in 8 bits and sRGB, transparency over white.

    Args:
        stored: The image as its file stores it.
        wide: Whether its file has 16 bits for each channel.

    Raises:
        PictureError: When the values have no known range, or use so little of it that the image would be black.
    """
    if stored.mode == "F" or (stored.mode == "I" and stored.format not in _SCALED):
        numbers = "floats" if stored.mode == "F" else "32-bit integers"
        raise PictureError(f"{stored.format or 'Pillow'} image of {numbers}, {NO_RANGE}")
    if wide and 0 < _largest(stored) <= 4095:
        raise PictureError(
            "its values use at most 12 of 16 bits, so that hardly anything would be seen: multiply them so that the "
            "largest possible value becomes 65535, or save it in 8 bits"
        )
    transform = _transform_of(stored)
    if stored.mode == "RGB" and transform is None and "transparency" not in stored.info:
        return stored
    strips = list(_strips(stored))
    if len(strips) == 1:
        return _converted(stored, stored, transform)
    converted = Image.new("RGB", stored.size)
    for box in strips:
        converted.paste(_converted(stored.crop(box), stored, transform), box)
    return converted


def _strips(picture: Image.Image) -> Iterator[_Box]:
    """Boxes of whole rows that cover an image."""
    rows = max(_STRIP_PIXELS // picture.width, 1)
    for top in range(0, picture.height, rows):
        yield 0, top, picture.width, min(top + rows, picture.height)


def _largest(stored: Image.Image) -> int:
    """The largest value of an image of 16 bits; of several channels Pillow decodes only the upper 8 bits."""
    if stored.mode.startswith("I"):
        return max(int(np.asarray(stored.crop(box)).max()) for box in _strips(stored))
    extrema: Any = stored.getextrema()
    colours = extrema[:1] if stored.mode in ("LA", "La") else extrema[:3]
    return max(high << 8 | 255 for _, high in colours) if any(high for _, high in colours) else 0


def _converted(strip: Image.Image, stored: Image.Image, transform: "ImageCmsTransform | None") -> Image.Image:
    """A part of an image in RGB."""
    if strip.mode.startswith("I"):
        strip = _narrowed(strip, stored)
    if strip.mode not in _TRANSPARENT and "transparency" not in strip.info:
        return _coloured(strip, transform)
    overlay = strip.convert("RGBA")
    if transform is not None:
        overlay = Image.merge("RGBA", (*_coloured(overlay, transform).split(), overlay.getchannel("A")))
    return Image.alpha_composite(Image.new("RGBA", overlay.size, "white"), overlay).convert("RGB")


def _narrowed(strip: Image.Image, stored: Image.Image) -> Image.Image:
    """8 bits of a grey image of 16, or of 12 in a TIFF file; Pillow does not invert those of "white is zero"."""
    tags: Any = stored.tag_v2 if isinstance(stored, TiffImagePlugin.TiffImageFile) else {}
    values, largest = np.asarray(strip).astype(np.float32), 4095 if tags.get(BITS) == (12,) else 65535
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = largest - values
    return Image.fromarray(np.clip(np.rint(values * (255 / largest)), 0, 255).astype(np.uint8))


def _coloured(picture: Image.Image, transform: "ImageCmsTransform | None") -> Image.Image:
    """An image without transparency in RGB, its colours converted if there is a transform."""
    if transform is None:
        return picture.convert("RGB")
    from PIL import ImageCms

    converted = ImageCms.applyTransform(picture.convert(transform.inputMode), transform)
    assert converted is not None  # None is only returned where a picture is converted in place
    return converted


def _transform_of(stored: Image.Image) -> "ImageCmsTransform | None":
    """How the colours of an image become sRGB; None if they are, or if its file does not say."""
    profile = stored.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= _MOST_PROFILE_BYTES:
        return None
    return _to_srgb(profile, "CMYK" if stored.mode == "CMYK" else "L" if stored.mode in _GREY else "RGB")


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> "ImageCmsTransform | None":
    """The transform of an ICC profile to sRGB; None if it is that of sRGB, damaged, or not for this mode."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"L": "GRAY"}.get(mode, mode):
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE,  # the cache is not for several threads
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "CMYK":
        return transform
    levels = np.minimum(np.arange(0, 257, 32), 255).astype(np.uint8)  # 0, 32, ..., 224, 255
    probe = Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)).convert(mode)
    change = np.abs(np.asarray(_coloured(probe, transform), np.int16) - np.asarray(probe.convert("RGB"), np.int16))
    return transform if change.max() > _NEARLY_SRGB else None
