"""Kills a training twenty times, at random moments, and expects the weights of a training that was never killed.

    make torture

The recipe uses everything that a checkpoint can hold. Every step writes one, so that many kills come while one is
written; each round starts with an empty cache, so that some come while images are prepared."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from eyebright.system import files
from torturing import last_step, start, torture

CHILD = """
import sys
from pathlib import Path
import eyebright as eb
from eyebright.runs.resume import resume
from eyebright.system.errors import SettingsError
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


def undisturbed(pictures: Path, run: Path, kills: int) -> str:
    """A digest of the weights of a training without kills."""
    del kills
    return _train(pictures, run, run.parent / "cache_whole")


def killed(pictures: Path, run: Path, kills: int, chance: random.Random) -> Iterator[str]:
    """The same for trainings with so many kills in all; each starts with an empty cache."""
    done = rounds = 0
    while done < kills:
        rounds += 1
        cache = run.parent / f"cache_{rounds}"
        while done < kills and _train_and_kill(pictures, run, cache, chance.uniform(SHORTEST_S, LONGEST_S)):
            done += 1
            typer.echo(f"kill {done}: {_state(run)}")
        yield _train(pictures, run, cache)
        shutil.rmtree(run)
    typer.echo(f"{done} kills in {rounds} rounds")


def _start(pictures: Path, run: Path, cache: Path) -> subprocess.Popen[bytes]:
    return start("-c", CHILD, pictures, run, cache=cache)


def _train(pictures: Path, run: Path, cache: Path) -> str:
    if _start(pictures, run, cache).wait():
        sys.exit(f"the training failed {_state(run)}")
    return files.sha256(run / "model" / "weights.safetensors")


def _train_and_kill(pictures: Path, run: Path, cache: Path, after_s: float) -> bool:
    """Start or resume it, and kill it; False if it ended before."""
    process = _start(pictures, run, cache)
    try:
        if process.wait(after_s):
            sys.exit(f"the training failed by itself {_state(run)}")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def _state(run: Path) -> str:
    """When the kill came."""
    if not (run / "config.toml").exists():
        return "while the images were found and prepared"
    unfinished = any((run / "checkpoint").glob(".*"))
    return f"after step {last_step(run)}{', while a checkpoint was written' if unfinished else ''}"


if __name__ == "__main__":
    torture("Kill a training at random moments.", undisturbed, killed, kills=20)
