"""What the torture scripts share: images, an undisturbed training, one that is killed, and the comparison."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import typer
from PIL import Image


def torture(
    description: str,
    undisturbed: Callable[[Path, Path, int], str],
    killed: Callable[[Path, Path, int, random.Random], Iterator[str]],
    *,
    kills: int,
) -> None:
    """Train once undisturbed, then with kills, and compare; exit with an error if the weights differ.

    Args:
        description: For `--help`.
        undisturbed: Trains on images in a run's folder, and returns a digest of its weights; gets the number of kills
            of the other trainings.
        killed: The same with so many kills at random moments; yields the digest of each training that ends.
        kills: The number of kills by default.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    typer.echo(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as place:
        pictures = make_pictures(Path(place, "pictures"))
        expected = undisturbed(pictures, Path(place, "whole"), args.kills)
        for found in killed(pictures, Path(place, "run"), args.kills, random.Random(args.seed)):
            if found != expected:
                sys.exit(f"the weights are {found}, expected {expected}")
    typer.echo(f"the weights are the same to the last bit: {expected}")


def make_pictures(folder: Path) -> Path:
    """240 images in three classes."""
    stream = np.random.default_rng(0)
    for number in range(240):
        place = folder / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = stream.integers(0, 160, (300, 300, 3), np.uint8) + np.uint8(40 * (number % 3))
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def start(*arguments: object, cache: Path) -> subprocess.Popen[bytes]:
    """Start Python with these arguments, in another process, with its own cache."""
    environment = os.environ | {"EYEBRIGHT_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment)


def last_step(run: Path) -> int:
    """The step of the last checkpoint."""
    return max((int(path.name) for path in (run / "checkpoint").glob("[0-9]*")), default=0)
