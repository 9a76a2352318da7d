"""Kills one of two processes that train together, again and again, and demands the weights of a group left in peace.

    make torture-processes

torchrun starts the group again each time, and the group goes on from the last checkpoint by itself.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

from eyebright import files

SHORTEST_S, LONGEST_S = 4.0, 16.0  # the start alone takes some seconds
RECIPE = ("--network", "flowers_cnn", "--size", "32", "--epochs", "20", "--patience", "0", "--batch-size", "8",
          "--set", "checkpoint_s=0", "--set", "ema=0.99")  # fmt: skip


def main() -> None:
    """Train once in peace, then with kills, and compare."""
    parser = argparse.ArgumentParser(description="Kill one of several processes that train together.")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    chance = random.Random(args.seed)
    typer.echo(f"seed {args.seed}")
    with tempfile.TemporaryDirectory() as place:
        from torture import make_pictures  # beside this script

        pictures = make_pictures(Path(place, "pictures"))
        expected = _finished(_start(pictures, Path(place, "whole"), args.kills), Path(place, "whole"))
        run = Path(place, "run")
        launcher = _start(pictures, run, args.kills)
        for kill in range(args.kills):
            time.sleep(chance.uniform(SHORTEST_S, LONGEST_S))
            if launcher.poll() is not None:
                typer.echo(f"it was over after {kill} kills")
                break
            rank = chance.randrange(2)
            os.kill(_process(launcher.pid, rank), signal.SIGKILL)
            steps = sorted(path.name for path in (run / "checkpoint").glob("[0-9]*"))
            typer.echo(f"kill {kill + 1}: rank {rank}, after step {steps[-1] if steps else 0}")
        found = _finished(launcher, run)
        if found != expected:
            sys.exit(f"the weights are {found}, expected {expected}")
    typer.echo(f"the weights are the same to the last bit, of the best and of the last epoch: {expected}")


def _start(pictures: Path, run: Path, kills: int) -> subprocess.Popen[bytes]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", str(kills)]
    command = ["-m", "eyebright", "train", str(pictures), "-o", str(run), *RECIPE]
    environment = os.environ | {"EYEBRIGHT_CACHE": str(run.parent / "cache")}
    return subprocess.Popen([*launcher, *command], env=environment)


def _finished(launcher: subprocess.Popen[bytes], run: Path) -> str:
    if launcher.wait():
        sys.exit("the training failed")
    last = sorted((run / "checkpoint").glob("[0-9]*"))[-1]
    return " and ".join(files.sha256(place / "weights.safetensors")[:16] for place in (run / "model", last))


def _process(launcher: int, rank: int) -> int:
    """The child of the launcher that has this rank."""
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    sys.exit(f"torchrun has no process of rank {rank}")


if __name__ == "__main__":
    main()
