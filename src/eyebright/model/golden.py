"""Golden images: synthetic test images stored with a model, with the results that every runtime must reproduce.

They are a gradient, a checkerboard and noise, in proportions that must be cropped, padded or stretched, and a large
JPEG with fine detail, which a program that decodes it at a reduced scale prepares in another way. Stored are the bytes
of their files, the arrays that eyebright prepares from them, and the outputs of the model's graph for these.
"""

import io
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save

from eyebright.data.pictures import Preparation, open_picture
from eyebright.network import load_tensors
from eyebright.system.errors import ModelError

_SOURCE = "source_"


class Golden(NamedTuple):
    """The golden images of a model.

    Args:
        sources: The bytes of the image files.
        prepared: The prepared images `(n, height, width, channels)`, uint8.
        outputs: What the model's graph gives for them, by the names of its outputs.
    """

    sources: list[bytes]
    prepared: NDArray[np.uint8]
    outputs: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """The content of the file."""
        tensors: dict[str, NDArray[Any]] = {
            f"{_SOURCE}{index}": np.frombuffer(source, np.uint8) for index, source in enumerate(self.sources)
        }
        return save(tensors | {"prepared": self.prepared} | self.outputs)

    @classmethod
    def load(cls, path: Path, outputs: Iterable[str]) -> "Golden":
        """Read the file of a model whose graph has these outputs; a `ModelError` if it is damaged."""
        tensors = load_tensors(path, error=ModelError)
        count = sum(name.startswith(_SOURCE) for name in tensors)
        try:
            sources = [tensors[f"{_SOURCE}{index}"].tobytes() for index in range(count)]
            return cls(sources, tensors["prepared"], {name: tensors[name] for name in outputs})
        except KeyError as problem:
            raise ModelError(f"{path} is damaged: {problem} is missing") from problem

    def pixel_difference(self, preparation: Preparation) -> int:
        """The largest difference between the stored pixels and those prepared on this machine, 0 to 255.

        Raises:
            ValueError: When a stored image cannot be opened, or the shapes differ.
        """
        here = np.stack([open_picture(source, preparation) for source in self.sources])
        return int(np.abs(here.astype(np.int16) - self.prepared.astype(np.int16)).max())

    def difference(self, found: Mapping[str, NDArray[Any]], name: str) -> float:
        """The largest difference between a stored output and that of a graph, relative to values above 1.

        Raises:
            ValueError: When the shapes differ.
        """
        stored = self.outputs[name]
        if stored.shape != found[name].shape:
            raise ValueError(f"their {name} has shape {stored.shape}, but the graph gives {found[name].shape}")
        return relative_difference(found[name], stored)


def relative_difference(found: NDArray[Any], expected: NDArray[Any], *, above: float = 1.0) -> float:
    """The greatest difference between two arrays, relative to values above 1; infinite for arrays of other shapes.

    Args:
        found: What a graph gives.
        expected: What it should give.
        above: Smaller values than this count as if they were as large.
    """
    if found.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), above), initial=0))


def golden_pictures(preparation: Preparation) -> tuple[list[bytes], NDArray[np.uint8]]:
    """The bytes of the golden image files, and the images prepared from them."""
    sources = _sources()
    return list(sources), np.stack([open_picture(source, preparation) for source in sources])


@cache
def _sources() -> tuple[bytes, ...]:
    small = (_gradient(96, 64), _checks(50, 75), _noise(40, 40))
    return *map(png, small), _jpeg(_rings(1_200, 1_000))


def _gradient(width: int, height: int) -> NDArray[np.uint8]:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([across, down, 255 - across], axis=2).astype(np.uint8)


def _checks(width: int, height: int) -> NDArray[np.uint8]:
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    squares = ((across // 10 + down // 10) % 2).astype(np.uint8)
    return np.stack([squares * 220, squares * 60 + 40, 200 - squares * 150], axis=2).astype(np.uint8)


def _noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (height, width, 3), np.uint8)


def _rings(width: int, height: int) -> NDArray[np.uint8]:
    """Rings that become finer outwards, in red, green and blue around three centres."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    centres = ((width / 2, height / 2), (width / 3, height / 3), (width / 2, height / 4))
    squares = np.stack([(across - x) ** 2 + (down - y) ** 2 for x, y in centres], axis=2)
    rings: NDArray[np.float64] = 127.5 + 127.5 * np.cos(squares * (np.pi / 8 / np.hypot(width, height)))
    return np.rint(rings).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels `(height, width, channels)`, RGB or grey, as the bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def suffix_of(source: bytes) -> str:
    """How the name of a golden image file ends."""
    return "png" if source.startswith(b"\x89PNG") else "jpg"


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=15)
    return file.getvalue()
