"""Kills one of two processes that train together, several times, and expects the weights of an undisturbed group.

    make torture-processes

torchrun starts the group again each time, and the group continues from the last checkpoint by itself."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from eyebright.system import files
from torturing import last_step, start, torture

SHORTEST_S, LONGEST_S = 4.0, 16.0  # the start alone takes some seconds
RECIPE = ("--network", "flowers_cnn", "--size", "32", "--epochs", "20", "--patience", "0", "--batch-size", "8",
          "--set", "checkpoint_s=0", "--set", "ema=0.99")  # fmt: skip


def undisturbed(pictures: Path, run: Path, kills: int) -> str:
    """A digest of the weights, of the best and of the last epoch, of a group without kills."""
    return _finished(_start(pictures, run, kills), run)


def killed(pictures: Path, run: Path, kills: int, chance: random.Random) -> Iterator[str]:
    """The same for a group of which a process is killed so many times."""
    launcher = _start(pictures, run, kills)
    for kill in range(kills):
        time.sleep(chance.uniform(SHORTEST_S, LONGEST_S))
        if launcher.poll() is not None:
            typer.echo(f"the training ended after {kill} kills")
            break
        rank = chance.randrange(2)
        os.kill(_process(launcher.pid, rank), signal.SIGKILL)
        typer.echo(f"kill {kill + 1}: rank {rank}, after step {last_step(run)}")
    yield _finished(launcher, run)


def _start(pictures: Path, run: Path, kills: int) -> subprocess.Popen[bytes]:
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", 2, "--max-restarts", kills]
    return start(*launcher, "-m", "eyebright", "train", pictures, "-o", run, *RECIPE, cache=run.parent / "cache")


def _finished(launcher: subprocess.Popen[bytes], run: Path) -> str:
    if launcher.wait():
        sys.exit("the training failed")
    last = sorted((run / "checkpoint").glob("[0-9]*"))[-1]
    return " and ".join(files.sha256(place / "weights.safetensors")[:16] for place in (run / "model", last))


def _process(launcher: int, rank: int) -> int:
    """The launcher's child with this rank."""
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    sys.exit(f"torchrun has no process of rank {rank}")


if __name__ == "__main__":
    torture("Kill one of several processes that train together.", undisturbed, killed, kills=3)
