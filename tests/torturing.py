"""What the tortures share: pictures, a training in peace, one that is killed at random moments, the comparison."""

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
    in_peace: Callable[[Path, Path, int], str],
    killing: Callable[[Path, Path, int, random.Random], Iterator[str]],
    *,
    kills: int,
) -> None:
    """Train once in peace, then with kills, and compare; leave with an error where the weights are not the same.

    Args:
        description: What is done, for `--help`.
        in_peace: Trains on pictures in a run's folder; gives what stands for its weights. It is told how many kills
            the others will get.
        killing: The same with so many kills, at random moments; as often as one comes to its end.
        kills: How many, unless it is said.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    typer.echo(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as place:
        pictures = make_pictures(Path(place, "pictures"))
        expected = in_peace(pictures, Path(place, "whole"), args.kills)
        for found in killing(pictures, Path(place, "run"), args.kills, random.Random(args.seed)):
            if found != expected:
                sys.exit(f"the weights are {found}, expected {expected}")
    typer.echo(f"the weights are the same to the last bit: {expected}")


def make_pictures(folder: Path) -> Path:
    """240 pictures in three classes."""
    stream = np.random.default_rng(0)
    for number in range(240):
        place = folder / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = stream.integers(0, 160, (300, 300, 3), np.uint8) + np.uint8(40 * (number % 3))
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def start(*arguments: object, cache: Path) -> subprocess.Popen[bytes]:
    """Python with these arguments, in a process of its own, with a cache of its own."""
    environment = os.environ | {"EYEBRIGHT_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment)


def last_step(run: Path) -> int:
    """After how many steps the last checkpoint was made."""
    return max((int(path.name) for path in (run / "checkpoint").glob("[0-9]*")), default=0)
