"""Golden pictures: what any runtime must make of them, so that it can prove itself.

They are drawn by formula, no photograph among them: a gradient, checks, and noise, in proportions that the preparation
has to crop, pad or stretch; stored with the bytes of their files, the arrays that eyebright prepared from them, and the
probabilities that the model gave.
"""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save

from eyebright.data.pictures import Preparation, open_picture
from eyebright.network import load_tensors
from eyebright.system.errors import ModelError


class Golden(NamedTuple):
    """Files, what is prepared from them `(n, height, width, 3)` uint8, and their probabilities `(n, classes)`
    float32.
    """

    sources: list[bytes]
    prepared: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write the file."""
        tensors: dict[str, NDArray[np.generic]] = {
            f"source_{index}": np.frombuffer(source, np.uint8) for index, source in enumerate(self.sources)
        }
        path.write_bytes(save(tensors | {"prepared": self.prepared, "probabilities": self.probabilities}))

    @classmethod
    def load(cls, path: Path) -> "Golden":
        """Read the file; a `ModelError` where it is damaged."""
        tensors = load_tensors(path, error=ModelError)
        try:
            sources = [tensors[f"source_{index}"].tobytes() for index in range(len(tensors) - 2)]
            return cls(sources, tensors["prepared"], tensors["probabilities"])
        except KeyError as problem:
            raise ModelError(f"{path} is damaged: it lacks {problem}") from problem

    def difference(self, preparation: Preparation) -> int:
        """How far pixels that are prepared here lie from the stored ones at the most, of 255.

        Raises:
            ValueError: When the stored pictures are not those that the preparation makes, or cannot be opened.
        """
        here = np.stack([open_picture(source, preparation) for source in self.sources])
        return int(np.abs(here.astype(np.int16) - self.prepared.astype(np.int16)).max())


def golden_pictures(preparation: Preparation) -> tuple[list[bytes], NDArray[np.uint8]]:
    """The golden files and what is prepared from them."""
    sources = [_png(pixels) for pixels in (_gradient(96, 64), _checks(50, 75), _noise(40, 40))]
    return sources, np.stack([open_picture(source, preparation) for source in sources])


def _gradient(width: int, height: int) -> NDArray[np.uint8]:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([across, down, 255 - across], axis=2).astype(np.uint8)


def _checks(width: int, height: int) -> NDArray[np.uint8]:
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    squares = ((across // 10 + down // 10) % 2).astype(np.uint8)
    return np.stack([squares * 220, squares * 60 + 40, 200 - squares * 150], axis=2).astype(np.uint8)


def _noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (height, width, 3), np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
