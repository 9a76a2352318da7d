"""What two versions of eyebright cost: the default training, and a prediction of many images.

    git worktree add ../before v0.1
    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/versions.py ../before/src src [--rounds 3]

The versions alternate, each command in a process of its own. The figures are processor seconds, user and system, of
all threads: on a busy machine they vary less than time does. Before each training the cache has the published weights
and nothing else, unless `--again` is given: then images, their features and everything else are there from the time
before. `predict` is measured as the difference between many images and one, so that its start does not count.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = 480


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("versions", nargs="+", help="folders that contain the package eyebright")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="train with everything in the cache")
    parser.add_argument("--only", choices=("train", "predict"))
    args = parser.parse_args()
    flowers = Path(os.environ["EYEBRIGHT_DATA"]) / "flowers"
    images = sorted(flowers.rglob("*.jpg"))[:: max(1, len(list(flowers.rglob("*.jpg"))) // IMAGES)][:IMAGES]
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place, str(number)) for number in range(len(args.versions))]
        spent = [_train(source, folder, flowers) for source, folder in zip(args.versions, folders, strict=True)]
        if args.only != "predict":
            found = [[] for _ in folders] if args.again else [[first] for first in spent]
            for _ in range(args.rounds - len(found[0])):
                for source, folder, times in zip(args.versions, folders, found, strict=True):
                    times.append(_train(source, folder, flowers, again=args.again))
            _print_row("default training, s", found, 1)
        if args.only != "train":
            _print_row("predict, ms an image", _predictions(args.versions, folders, images, args.rounds), 1000)


def _train(source: str, folder: Path, flowers: Path, *, again: bool = False) -> float:
    cache = folder / "cache"
    for kept in cache.iterdir() if cache.exists() and not again else ():
        if kept.name not in ("weights", "fetched"):
            shutil.rmtree(kept)
    if not cache.exists():
        shutil.copytree(os.environ["EYEBRIGHT_CACHE"] + "/weights", cache / "weights")
    return _spent(source, cache, ["train", str(flowers), "-o", str(folder / "run"), "--overwrite"])


def _predictions(versions: list[str], folders: list[Path], images: list[Path], rounds: int) -> list[list[float]]:
    found = [[] for _ in folders]
    for _ in range(rounds):
        for source, folder, times in zip(versions, folders, found, strict=True):
            many, one = (
                _spent(source, folder / "cache", ["predict", str(folder / "run"), *map(str, chosen)])
                for chosen in (images, images[:1])
            )
            times.append((many - one) / (len(images) - 1))
    return found


def _spent(source: str, cache: Path, arguments: list[str]) -> float:
    """Processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": source, "EYEBRIGHT_CACHE": str(cache)}
    subprocess.run([sys.executable, "-m", "eyebright", *arguments], check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _print_row(what: str, found: list[list[float]], scale: int) -> None:
    medians = [statistics.median(times) for times in found]
    for times, median in zip(found, medians, strict=True):
        each = ", ".join(f"{scale * one:.2f}" for one in times)
        print(f"{what}: {scale * median:.2f} ({each}), {median / medians[0]:.3f} of the first", flush=True)


if __name__ == "__main__":
    main()
