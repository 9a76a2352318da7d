"""Does a trained detector answer the same by other ways: by torch, in a square padded by hand, from a file or pixels?

    .venv/bin/python benchmarks/detection_same.py RUN IMAGES [--most 72]

IMAGES is a folder of photos. The first line is the largest difference between the maps of torch and those of the saved
graph. Then each photo is cut and enlarged to 1000 x 300 and 300 x 1000 pixels, and its objects are compared with those
of the same image in a grey square: resized before to the pixels that the network sees, and as it is. When that square
is resized, the pixels at the edge mix with the grey: the same follows with the lines of these pixels alone, with all
others alone, and, to compare, with pixels that are changed by -1, 0 or 1 of 255 at random. Last, each photo is opened
from its file, bytes and pixels.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import eyebright as eb
from eyebright.data.pictures import Preparation, decode, resize_picture
from eyebright.data.pictures.preparation import BACKGROUND
from eyebright.data.sources.walk import walk_files
from eyebright.network.detecting import BOXES, SCORES, detected, detecting_of
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.predictor import FoundObjects

SIZES = ((1000, 300), (300, 1000))
CLOSE_PX = 1.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run")
    options.add_argument("images", type=Path)
    options.add_argument("--most", type=int, default=72, help="images to look at")
    given = options.parse_args()
    detector = eb.load(given.run)
    assert isinstance(detector, Detector)
    images = [Path(name) for name in list(walk_files(given.images))[: given.most]]
    maps_of_torch(detector, images[:8])
    for size in SIZES:
        for small in (True, False):
            padded_by_hand(detector, images, size, small=small)
        at_the_edge(detector, images, size)
    other_forms(detector, images)


def maps_of_torch(detector: Detector, images: Sequence[Path]) -> None:
    """Compare the maps of the graph with those of torch."""
    import torch

    pictures = np.stack([eb.open_picture(image, detector.preparation) for image in images])
    graph, network = detector.predictor.maps(pictures), TorchNetwork(detector.network, detector.get_weights())
    with torch.no_grad():
        raw = network.eval()(as_input(pictures)).numpy()
    scores, boxes = detected(raw, detecting_of(detector.network))
    for name, values in ((SCORES, scores), (BOXES, boxes)):
        print(f"{name}: at most {np.abs(graph[name] - values).max():.1e} apart from torch, {values.shape}")


def padded_by_hand(detector: Detector, images: Sequence[Path], size: tuple[int, int], *, small: bool) -> None:
    """Compare the objects of oblong images with those in a grey square, of the image as it is or resized before."""
    factor = detector.preparation.width / max(size) if small else 1.0
    inner = [round(factor * length) for length in size]
    side, apart, alike = max(inner), list[float](), 0
    at = [(side - length) // 2 for length in inner]
    for image in images:
        oblong = cut(decode(image), size)
        square = Image.new("RGB", (side, side), BACKGROUND)
        square.paste(Image.fromarray(resized(oblong, inner)), tuple(at))
        one, other = detector.predict(np.asarray(oblong)), detector.predict(np.asarray(square))
        alike += len(one) == len(other)
        apart += distances_of(one, other, at, factor)
    close = np.mean(np.array(apart) <= CLOSE_PX)
    print(
        f"{size[0]}x{size[1]} and a square of {side}: {len(apart):,} objects, {close:.1%} "
        f"within {CLOSE_PX:g} px, half within {np.median(apart):.2f}, all within {max(apart):.2f}; "
        f"as many objects in {alike} of {len(images)} images"
    )


def at_the_edge(detector: Detector, images: Sequence[Path], size: tuple[int, int]) -> None:
    """Which pixels of the large square make the difference: those of the four lines around the edges, or all others."""
    factor, side = detector.preparation.width / max(size), max(size)
    at = [(side - length) // 2 for length in size]
    lines = np.zeros((detector.preparation.height, detector.preparation.width, 1), bool)
    for axis, (start, length) in enumerate(zip(at[::-1], size[::-1], strict=True)):
        for edge in (start, start + length) if length < side else ():
            place = round(factor * edge)
            lines[(slice(None),) * axis + (slice(place - 2, place + 2),)] = True
    stream, apart = np.random.default_rng(0), dict[str, list[float]]()
    for image in images:
        oblong = cut(decode(image), size)
        square = Image.new("RGB", (side, side), BACKGROUND)
        square.paste(oblong, tuple(at))
        own, other = (eb.open_picture(np.asarray(one), detector.preparation) for one in (oblong, square))
        noisy = np.clip(own + stream.integers(-1, 2, own.shape), 0, 255).astype(np.uint8)
        forms = {"the lines at the edge": np.where(lines, other, own), "all other pixels": np.where(lines, own, other),
                 "one level of noise": noisy}  # fmt: skip
        expected = detector.predict(own)
        for name, pixels in forms.items():
            apart.setdefault(name, []).extend(distances_of(expected, detector.predict(pixels), (0, 0), 1.0))
    for name, distances in apart.items():
        wide = np.array(distances) / factor
        close, half = np.mean(wide <= CLOSE_PX), np.median(wide)
        print(f"  {name} of a square of {side}: {close:.1%} within {CLOSE_PX:g} px, half within {half:.2f}")


def cut(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of an image, in the proportions of a size, enlarged to it."""
    factor = min(image.width / size[0], image.height / size[1])
    left, top = (image.width - factor * size[0]) / 2, (image.height - factor * size[1]) / 2
    box = (left, top, left + factor * size[0], top + factor * size[1])
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC, box)


def resized(image: Image.Image, size: Sequence[int]) -> NDArray[np.uint8]:
    """An image in another size, as eyebright resizes."""
    return resize_picture(image, Preparation(width=size[0], height=size[1], fit="stretch"))


def distances_of(one: FoundObjects, square: FoundObjects, at: Sequence[int], factor: float) -> list[float]:
    """From each object to the nearest of its class in the square: the largest distance of a side, in pixels.

    The image was resized by a factor and pasted there. Boxes are cut at its edges, as those of the image are.
    """
    distances = []
    for each in one.objects:
        boxes = np.array([other.box for other in square.objects if other.label == each.label]).reshape(-1, 4)
        inside = ((boxes - [*at, *at]) / factor).clip(0, [one.width, one.height] * 2)
        distances.append(float(np.abs(inside - each.box).max(axis=1).min(initial=np.inf)))
    return distances


def other_forms(detector: Detector, images: Sequence[Path]) -> None:
    """Compare the objects of files with those of their bytes and of their pixels."""
    same = 0
    for image in images:
        found = detector.predict(image).objects
        forms = (image.read_bytes(), np.asarray(decode(image)), decode(image))
        same += all(detector.predict(form).objects == found for form in forms)
    print(f"file, bytes, pixels and Pillow image: the same objects in {same} of {len(images)} images")


if __name__ == "__main__":
    main()
