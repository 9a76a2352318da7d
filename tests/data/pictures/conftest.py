"""Images that the tests make, and a bilinear resize in NumPy to compare the real one with."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.pictures import Preparation

Pixels = NDArray[np.uint8]


@pytest.fixture
def blocks() -> Pixels:
    """48 x 80, upright: a different colour in each of 15 blocks of 16 pixels, which JPEG keeps almost exactly."""
    colours = np.random.default_rng(5).integers(0, 256, (3, 5, 3), np.uint8)
    return colours.repeat(16, axis=0).repeat(16, axis=1)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """The bytes of a file with these pixels (an array or a Pillow picture)."""

    def encode(pixels: Pixels | Image.Image, kind: str, **options: object) -> bytes:
        file = io.BytesIO()
        picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        picture.save(file, kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def photo() -> Callable[[int, int], Pixels]:
    """Pixels with coarse and fine structure, of any size: `photo(width, height)`."""

    def photo(width: int, height: int) -> Pixels:
        random = np.random.default_rng(width * 10_000 + height)
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).resize((width, height))
        return np.clip(np.asarray(coarse) + random.normal(0, 8, (height, width, 1)), 0, 255).astype(np.uint8)

    return photo


@pytest.fixture
def png() -> Callable[..., bytes]:
    """A PNG made byte by byte: `png(width, height, depth, colour_type, rows)`, rows without filter bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    def png(width: int, height: int, depth: int = 8, colour_type: int = 2, rows: list[bytes] | None = None) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
        body = zlib.compress(b"".join(b"\0" + row for row in rows or [b""]))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")

    return png


@pytest.fixture
def as_is() -> Callable[[Pixels], Preparation]:
    """The preparation that does not change the pixels."""
    return lambda pixels: Preparation(width=pixels.shape[1], height=pixels.shape[0], fit="stretch")


@pytest.fixture
def stream():
    """A stream that cannot go back, as a pipe: `stream(content)`."""

    class Stream(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self.content = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            return self.content.readinto(buffer)

    return Stream


def triangle(start: float, end: float, size: int, target: int) -> NDArray[np.float64]:
    """Weights `(target, size)` of a bilinear resize of [start, end) that widens its triangle when it reduces."""
    step = (end - start) / target
    centres = start + (np.arange(target)[:, None] + 0.5) * step
    weights = np.clip(1 - np.abs(np.arange(size) + 0.5 - centres) / max(step, 1), 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.fixture
def resized() -> Callable[..., NDArray[np.float64]]:
    """`resized(pixels, box, width, height)`: the box (left, top, right, bottom) of the pixels at another size."""

    def resized(pixels: Pixels, box: tuple[float, float, float, float], width: int, height: int) -> NDArray[np.float64]:
        left, top, right, bottom = box
        down = triangle(top, bottom, pixels.shape[0], height)
        across = triangle(left, right, pixels.shape[1], width)
        return np.einsum("yh,hwc,xw->yxc", down, pixels.astype(np.float64), across, optimize=True)

    return resized
