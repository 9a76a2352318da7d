"""Kills a training twenty times, at random moments, and demands the weights of one that was never killed.

    make torture

The recipe has all that a checkpoint may hold. Every step writes one, so that many kills fall into the writing of one;
each round begins with an empty cache, so that some fall into the packing.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import typer
from PIL import Image

from eyebright import files

CHILD = """
import sys
from pathlib import Path
import eyebright as eb
from eyebright.resuming import resume
from eyebright.errors import SettingsError
pictures, run = sys.argv[1:]
if Path(run, "config.toml").exists():
    try:
        resume(run)
    except SettingsError as problem:
        assert "is complete" in str(problem), problem  # the kill came after all was done
else:
    recipe = {"accumulation": 2, "ema": 0.99, "sampling": "balanced", "schedule": "one-cycle", "clip_norm": 1.0}
    settings = eb.Settings(epochs=10, batch_size=8, checkpoint_s=0, **recipe)
    eb.train(pictures, run, network="flowers_cnn", size=32, settings=settings)
"""
SHORTEST_S, LONGEST_S = 0.5, 6.0


def main() -> None:
    """Train once in peace, then again and again with kills, and compare."""
    parser = argparse.ArgumentParser(description="Kill a training at random moments.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    chance = random.Random(args.seed)
    typer.echo(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as place:
        pictures = make_pictures(Path(place, "pictures"))
        expected = _train(pictures, Path(place, "whole"), Path(place, "cache_whole"))
        kills = rounds = 0
        while kills < args.kills:
            rounds += 1
            run, cache = Path(place, "run"), Path(place, f"cache_{rounds}")
            while kills < args.kills and _killed(pictures, run, cache, chance.uniform(SHORTEST_S, LONGEST_S)):
                kills += 1
                typer.echo(f"kill {kills}: {_state(run)}")
            found = _train(pictures, run, cache)
            if found != expected:
                sys.exit(f"round {rounds}: the weights are {found}, expected {expected}")
            shutil.rmtree(run)
    typer.echo(f"{kills} kills in {rounds} rounds: the weights are the same to the last bit, {expected[:16]}")


def make_pictures(folder: Path) -> Path:
    """240 pictures in three classes."""
    stream = np.random.default_rng(0)
    for number in range(240):
        place = folder / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = stream.integers(0, 160, (300, 300, 3), np.uint8) + np.uint8(40 * (number % 3))
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def _start(pictures: Path, run: Path, cache: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"EYEBRIGHT_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(pictures), str(run)], env=environment)


def _train(pictures: Path, run: Path, cache: Path) -> str:
    process = _start(pictures, run, cache)
    if process.wait():
        sys.exit(f"the training failed {_state(run)}")
    return _digest(run)


def _killed(pictures: Path, run: Path, cache: Path, after_s: float) -> bool:
    """Start it, or go on with it, and kill it; False where it was complete before."""
    process = _start(pictures, run, cache)
    try:
        if process.wait(after_s):
            sys.exit(f"the training failed by itself {_state(run)}")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def _digest(run: Path) -> str:
    return files.sha256(run / "model" / "weights.safetensors")


def _state(run: Path) -> str:
    """Where a kill came."""
    if not (run / "config.toml").exists():
        return "while the pictures were found and packed"
    kept = sorted((run / "checkpoint").glob("*")) if (run / "checkpoint").exists() else []
    unfinished = any(path.name.startswith(".") for path in (run / "checkpoint").glob(".*"))
    steps = [path.name.lstrip("0") for path in kept if path.name[0].isdigit()]
    return f"after step {steps[-1] if steps else 0}{', while a checkpoint was written' if unfinished else ''}"


if __name__ == "__main__":
    main()
