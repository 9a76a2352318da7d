"""Views of an image: the image as it is, number 0, and changed; pixels and boxes move together, by one affine.

A view is mirrored, scaled and shifted, then its colours change, and a rectangle may be covered. It is a pure function
of the seed, its number and the content of the image. What lies outside is filled with the colour of the padding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.batches import seed_of
from eyebright.data.pictures.preparation import BACKGROUND
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import Boxes, areas, intersections
from eyebright.training.settings import ERASED_AREA, ERASED_ASPECT, Settings

CHANGES = ("flip", "zoom", "shift", "brightness", "contrast", "saturation", "erasing")
"""The settings that say how views are changed."""
_SEEN = 0.25  # share of a box that must be inside, and not covered, for the box to stay
_STRETCH = 1.1


@dataclass(frozen=True)
class Affine:
    """How a view moves an image: `out = matrix * in + offset`, for x and y, in pixels of the square.

    Args:
        factor: Of x and y; below 0 for a mirrored view.
        offset: Of x and y, in pixels.
    """

    factor: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def drawn(cls, random: np.random.Generator, settings: Settings, size: int) -> "Affine":
        """A random move around the centre of a square of so many pixels."""
        draws = random.random(5)
        mirrored = -1.0 if settings.flip and draws[0] < 0.5 else 1.0
        scale = (1 + settings.zoom) ** (2 * draws[1] - 1)
        stretch = _STRETCH ** (draws[2] - 0.5) if settings.zoom else 1.0
        factor = mirrored * scale * stretch, scale / stretch
        shift = (2 * draws[3:] - 1) * settings.shift * size
        across, down = (float((1 - by) * size / 2 + to) for by, to in zip(factor, shift, strict=True))
        return cls((float(factor[0]), float(factor[1])), (across, down))

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The moved image, `(size, size, channels)`."""
        inverse = (1 / self.factor[0], 0, -self.offset[0] / self.factor[0],
                   0, 1 / self.factor[1], -self.offset[1] / self.factor[1])  # fmt: skip
        image = Image.fromarray(picture)
        moved = image.transform(
            image.size, Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR, fillcolor=BACKGROUND
        )
        return np.asarray(moved)

    def boxes(self, boxes: Boxes, size: int) -> Boxes:
        """The moved boxes, cut at the edge; boxes that keep less than a quarter of their area are left out."""
        factor, offset = np.tile(self.factor, 2), np.tile(self.offset, 2)
        moved = boxes.corners * factor + offset
        ordered = np.concatenate([np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])], 1)
        inside = ordered.clip(0, size)
        kept = (areas(inside) >= _SEEN * areas(ordered)) & (inside[:, 2:] - inside[:, :2] >= 1).all(axis=1)
        return boxes.moved(inside).at(kept)


def recoloured(picture: NDArray[np.uint8], random: np.random.Generator, settings: Settings) -> NDArray[np.uint8]:
    """An image with other brightness, contrast and saturation, as `Settings` describes them; clipped to 0 to 255."""
    strength = np.array([settings.brightness, settings.contrast, settings.saturation])
    if not strength.any():
        return picture
    brightness, contrast, saturation = 1 + (2 * random.random(3) - 1) * strength
    values = picture.astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + saturation * (values - grey)
    middle = values.mean()
    return np.asarray(brightness * (middle + contrast * (values - middle))).clip(0, 255).round().astype(np.uint8)


def changed(picture: NDArray[np.uint8], digest: bytes, settings: Settings, view: int) -> NDArray[np.uint8]:
    """A view of a prepared image `(size, size, channels)`; number 0 is the image itself."""
    if view == 0:
        return picture
    random = _random(settings, digest, view)
    made = recoloured(Affine.drawn(random, settings, len(picture)).pixels(picture), random, settings)
    covered = covered_by(settings, digest, view, len(picture))
    if covered is not None:
        left, top, right, bottom = covered.astype(int)
        made = made.copy()
        made[top:bottom, left:right] = made.mean(axis=(0, 1)).round()
    return made


def covered_by(settings: Settings, digest: bytes, view: int, size: int) -> NDArray[np.float64] | None:
    """The corners of the rectangle that is covered in a view of a square of so many pixels; None in most views.

    Source: Zhong et al. 2017, "Random Erasing Data Augmentation", section 3.2. As for classifiers, it has the mean
    colour and may be cut off at the edge.
    """
    if not settings.erasing:
        return None
    draws = _random(settings, digest, view, "erasing").random(5)
    if draws[0] >= settings.erasing:
        return None
    area = ERASED_AREA[0] + draws[1] * (ERASED_AREA[1] - ERASED_AREA[0])
    aspect = ERASED_ASPECT ** (1 - 2 * draws[2])  # height to width
    half = size / 2 * np.sqrt([area / aspect, area * aspect])
    centre = size * draws[3:]
    return np.concatenate([centre - half, centre + half]).clip(0, size).round()


def boxes_in(prepared: PreparedBoxes, settings: Settings, index: int, view: int) -> tuple[Boxes, Boxes]:
    """The boxes and the regions that do not count, in a view of an image."""
    boxes, ignored = prepared.boxes[index], prepared.ignored[index]
    if view == 0:
        return boxes, ignored
    size = prepared.pack.preparation.width
    digest = prepared.pack.digests[index]
    move = Affine.drawn(_random(settings, digest, view), settings, size)
    boxes, covered = move.boxes(boxes, size), covered_by(settings, digest, view, size)
    if covered is not None:
        hidden = intersections(boxes.corners, covered[None])[:, 0]
        boxes = boxes.at(hidden <= (1 - _SEEN) * areas(boxes.corners))
    return boxes, move.boxes(ignored, size)


def _random(settings: Settings, digest: bytes, view: int, what: str = "view") -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed_of(f"{what} {settings.seed} {view} {digest.hex()}", 16)))
