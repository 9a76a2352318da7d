"""Small images with boxes, and writers of the formats of labels: each writes the same set, as its tools do."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

Box = tuple[str, float, float, float, float]  # class, x1, y1, x2, y2 in pixels from 0 on


class Scene(NamedTuple):
    """An image with boxes."""

    stem: str
    size: tuple[int, int]
    boxes: Sequence[Box]
    side: str = "train"


def scenes(count: int = 12, *, classes: Sequence[str] = ("cell", "Plate let"), seed: int = 0) -> list[Scene]:
    """Images of different sizes with up to three boxes at hundredths of a pixel; the first has none."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        width, height = (int(side) for side in random.integers(40, 90, 2))
        boxes = []
        for _ in range(min(number, int(random.integers(1, 4)))):
            x, y = random.uniform(0, 20, 2)
            wide, high = random.uniform(5, 19, 2)
            corners = (round(float(value), 2) for value in (x, y, x + wide, y + high))
            boxes.append((classes[int(random.integers(len(classes)))], *corners))
        found.append(Scene(f"img {number:02d}", (width, height), boxes, ("train", "val", "test")[number % 3]))
    return found


def draw(scene: Scene, path: Path) -> Path:
    """Write the image of a scene: noise with a coloured rectangle in each box."""
    width, height = scene.size
    pixels = np.random.default_rng(sum(map(ord, scene.stem))).integers(90, 160, (height, width, 3), np.uint8)
    for name, x1, y1, x2, y2 in scene.boxes:
        pixels[int(y1) : int(y2), int(x1) : int(x2)] = (sum(map(ord, name)) * 37 % 256, 40, 200)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_voc(root: Path, found: Sequence[Scene], *, lists: bool = True) -> Path:
    """Annotations, JPEGImages and ImageSets/Main."""
    for scene in found:
        draw(scene, root / "JPEGImages" / f"{scene.stem}.png")
        write_xml(root / "Annotations" / f"{scene.stem}.xml", scene)
    for side in ("train", "val", "test") if lists else ():
        file = root / "ImageSets" / "Main" / f"{side}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{scene.stem}\n" for scene in found if scene.side == side))
    return root


def write_xml(file: Path, scene: Scene, extra: str = "") -> Path:
    """One file of VOC: corners counted from 1."""
    objects = "".join(
        f"<object><name> {name} </name>{extra}<bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in scene.boxes
    )
    width, height = scene.size
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"<annotation><filename>{scene.stem}.png</filename>"
        f"<size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"
    )
    return file
