"""Golden images: synthetic test images stored with a model, with the results that every runtime must reproduce.

They are a gradient, a checkerboard and noise, in proportions that must be cropped, padded or stretched, and a large
JPEG with fine detail, which a program that decodes it at a reduced scale prepares in another way. Stored are the bytes
of their files, the arrays that eyebright prepares from them, and the probabilities that the model predicts.
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
    """The golden images of a model.

    Args:
        sources: The bytes of the image files.
        prepared: The prepared images `(n, height, width, channels)`, uint8.
        probabilities: The predicted probabilities `(n, classes)`, float32.
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
        """Read the file; a `ModelError` if it is damaged."""
        tensors = load_tensors(path, error=ModelError)
        try:
            sources = [tensors[f"source_{index}"].tobytes() for index in range(len(tensors) - 2)]
            return cls(sources, tensors["prepared"], tensors["probabilities"])
        except KeyError as problem:
            raise ModelError(f"{path} is damaged: {problem} is missing") from problem

    def difference(self, preparation: Preparation) -> int:
        """The largest difference between the stored pixels and those prepared on this machine, 0 to 255.

        Raises:
            ValueError: When a stored image cannot be opened, or the shapes differ.
        """
        here = np.stack([open_picture(source, preparation) for source in self.sources])
        return int(np.abs(here.astype(np.int16) - self.prepared.astype(np.int16)).max())


def golden_pictures(preparation: Preparation) -> tuple[list[bytes], NDArray[np.uint8]]:
    """The bytes of the golden image files, and the images prepared from them."""
    sources = [_png(pixels) for pixels in (_gradient(96, 64), _checks(50, 75), _noise(40, 40))]
    sources.append(_jpeg(_rings(1_200, 1_000)))
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


def _rings(width: int, height: int) -> NDArray[np.uint8]:
    """Rings that become finer outwards, in red, green and blue around three centres."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    centres = ((width / 2, height / 2), (width / 3, height / 3), (width / 2, height / 4))
    squares = np.stack([(across - x) ** 2 + (down - y) ** 2 for x, y in centres], axis=2)
    rings: NDArray[np.float64] = 127.5 + 127.5 * np.cos(squares * (np.pi / 8 / np.hypot(width, height)))
    return np.rint(rings).astype(np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=15)
    return file.getvalue()
