"""Time budgets: the accuracy after five minutes on small images, and whether a budget is kept on a busy machine.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/budgets.py [--seeds 3]           half an hour
    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/budgets.py --busy [--minutes 1 2 5]
    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/budgets.py --tuned flowers faces [--minutes 1 3 5]

The first trains on `cifar10` from scratch, `--network compact --minutes 5`, alternating with a plain Keras CNN that has
the same five minutes (`peers/keras_five_minutes.py`, in bfloat16 and with oneDNN, its fastest). The second trains on
`flowers` with an empty cache while another process keeps one core busy. The third compares the default training, a head
alone, with budgets on the same splits, on a machine that is idle. All print a line for each run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OWN, PEER = sys.executable, str(HERE.parent / ".venv-peers" / "bin" / "python")


def main() -> None:
    """Measure, and print figures line by line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--busy", action="store_true", help="flowers, with one core kept busy")
    parser.add_argument("--tuned", nargs="+", metavar="SET", help="sets on which budgets are compared with the default")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 5], help="of the budgets")
    args = parser.parse_args()
    data = Path(os.environ["EYEBRIGHT_DATA"])
    with tempfile.TemporaryDirectory() as place:
        if args.tuned:
            for name in args.tuned:
                tuned(data / name, Path(place), args.minutes, args.seeds)
        elif args.busy:
            busy(data / "flowers", Path(place), args.minutes)
        else:
            five_minutes(data / "cifar10", Path(place), args.seeds)


def five_minutes(pictures: Path, place: Path, seeds: int) -> None:
    """From scratch, in turn with Keras."""
    found: dict[str, list[float]] = {"eyebright": [], "Keras": []}
    for seed in range(seeds):
        keras = [PEER, str(HERE / "peers" / "keras_five_minutes.py"), str(pictures), "--seed", str(seed)]
        commands = {"eyebright": train(pictures, place, "--network", "compact", "--minutes", "5", "--seed", str(seed)),
                    "Keras": keras}  # fmt: skip
        for name, command in commands.items():
            report, seconds = measure(command, place)
            found[name].append(report["accuracy"] if name == "Keras" else report["test"]["accuracy"])
            print(f"seed {seed}: {name} {found[name][-1]:.3f} in {seconds:.0f} s", flush=True)
    for name, values in found.items():
        print(f"{name}: test accuracy {statistics.mean(values):.3f} +- {statistics.stdev(values):.3f}")


def busy(pictures: Path, place: Path, budgets: list[float]) -> None:
    """Budgets with an empty cache, each with one core kept busy."""
    for number, minutes in enumerate(budgets):
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            command = train(pictures, place / str(number), "--minutes", str(minutes))
            report, seconds = measure(command, place / str(number))
        finally:
            other.kill()
        accuracy = report["test"]["accuracy"]
        print(f"--minutes {minutes:g}: {seconds:.0f} s ({seconds / minutes / 60:.2f}), {accuracy:.3f}", flush=True)


def tuned(pictures: Path, place: Path, budgets: list[float], seeds: int) -> None:
    """The default, a head alone, then budgets, seed by seed; in the end the median of each, and how often it is better.

    Every run has an empty cache.
    """
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        for minutes in (0.0, *budgets):
            options = ["--minutes", f"{minutes:g}"] if minutes else []
            what = " ".join(options) or "default"
            with tempfile.TemporaryDirectory(dir=place) as empty:  # nothing is known of the run before
                report, seconds = measure(train(pictures, Path(empty), "--seed", str(seed), *options), Path(empty))
            found.setdefault(what, []).append(report["test"]["accuracy"])
            head = f", the head alone {found['default'][-1]:.3f}" if options else ""
            print(f"{pictures.name}, seed {seed}, {what}: {found[what][-1]:.3f}{head}, in {seconds:.0f} s", flush=True)
    for what, values in found.items():
        better = sum(value > default for value, default in zip(values, found["default"], strict=True))
        print(
            f"{pictures.name}, {what}: median {statistics.median(values):.3f}, above the default in {better} of {seeds}"
        )


def train(pictures: Path, place: Path, *options: str) -> list[str]:
    """The command that trains."""
    return [OWN, "-m", "eyebright", "train", str(pictures), "-o", str(place / "run"), "--json", "--overwrite", *options]


def measure(command: list[str], place: Path) -> tuple[dict[str, Any], float]:
    """What a command reports, and the seconds it took."""
    environment = os.environ | {"EYEBRIGHT_CACHE": str(place / "cache"), "TF_ENABLE_ONEDNN_OPTS": "1"}
    start = time.perf_counter()
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds = time.perf_counter() - start
    if finished.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{finished.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(finished.stdout[finished.stdout.index("{") :])
    return report, seconds


if __name__ == "__main__":
    main()
