"""One shot in two crops, sizes, lights and colours among other pictures of 32 x 32, and how many such pairs are found.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/shots.py [--strength 0.7] [--seed 0]

It stands for the near-duplicates that people found in CIFAR-10 (the ciFAIR list: Barz and Denzler 2020, "Do we train on
test data?"), which is a list of positions in the whole of CIFAR-10. 400 photographs of flowers are made 32 x 32 twice:
cropped by up to 15% at the default strength, stretched, recoloured, one in five mirrored, saved as JPEG. The pictures
around them are CIFAR-10's; pairs found among these are listed, to be looked at.
"""

import argparse
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import eyebright as eb
from eyebright.data.audit.duplicates import find_near_duplicates
from eyebright.data.pictures import Preparation

SIDE, SHOTS = 32, 400


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float, default=0.7, help="0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data, random = Path(os.environ["EYEBRIGHT_DATA"]), np.random.default_rng(args.seed)
    dataset = eb.Dataset.open(data / "cifar10")
    around = dataset.pack(Preparation(width=SIDE, height=SIDE)).read(np.arange(len(dataset)))
    paths = sorted((data / "flowers").glob("*/*.jpg"))
    chosen = [paths[index] for index in random.permutation(len(paths))[:SHOTS].tolist()]
    pairs = [[view(path, random, args.strength) for _ in range(2)] for path in chosen]
    one, other = (np.stack([pair[side] for pair in pairs]) for side in (0, 1))
    found = find_near_duplicates(np.concatenate([around, one, other])).pairs
    first = len(around)
    planted = (found[:, 0] >= first) & (found[:, 1] == found[:, 0] + SHOTS)
    print(f"strength {args.strength}: {planted.sum()} of {SHOTS} pairs found: recall {planted.sum() / SHOTS:.3f}")
    for pair in found[~planted].tolist():
        print("not planted:", *(dataset.source.names[at] if at < first else f"view {at - first}" for at in pair))


def view(path: Path, random: np.random.Generator, strength: float) -> NDArray[np.uint8]:
    """A part of a photograph at 32 x 32, in other proportions, light and colours."""
    picture = Image.open(path).convert("RGB")
    least, scale = min(picture.size), random.uniform(1 - 0.22 * strength, 1)
    side, stretch = least * scale, 1 + random.uniform(-0.08, 0.08) * strength
    shift = random.uniform(-0.1, 0.1, 2) * strength * side
    left, top = np.clip((np.array(picture.size) - side) / 2 + shift, 0, np.array(picture.size) - side)
    box = (left, top, left + side * min(stretch, 1), top + side * min(1 / stretch, 1))
    levels = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX, box=box)).astype(float)
    levels *= np.exp(strength * (random.normal(0, 0.15) + random.normal(0, 0.06, 3)))
    levels += strength * (random.normal(0, 8) + random.normal(0, 4, 3))
    levels = 255 * np.clip(levels / 255, 0, 1) ** np.exp(random.normal(0, 0.15 * strength))
    if random.random() < 0.2:
        levels = levels[:, ::-1]
    saved = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(saved, "JPEG", quality=int(random.integers(70, 96)))
    return np.asarray(Image.open(saved).convert("RGB"))


if __name__ == "__main__":
    main()
