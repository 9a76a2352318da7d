"""The default training, a published network with a new head, compared with a script written by hand.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/pretrained.py [--rounds 3] [--seeds 3]

From the command to the saved and evaluated model on flowers: with an empty cache, again, and compared with a plain
script (`peers/plain_features.py`) on the same split. Then features per second at 224x224, without opening images.
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

import numpy as np

from eyebright.model.backbone import Backbone

HERE = Path(__file__).parent
OWN, PEER = sys.executable, str(HERE.parent / ".venv-peers" / "bin" / "python")


def main() -> None:
    """Measure, and print figures line by line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    flowers = str(Path(os.environ["EYEBRIGHT_DATA"]) / "flowers")
    with tempfile.TemporaryDirectory() as place:
        classifiers(flowers, Path(place), args.seeds)
    features(args.rounds)


def classifiers(flowers: str, place: Path, seeds: int) -> None:
    """From images to an accuracy, each seed with its own split."""
    first, second, plain, ours, theirs = ([] for _ in range(5))
    for seed in range(seeds):
        run, cache = place / f"run{seed}", place / f"cache{seed}"
        command = [
            OWN,
            "-m",
            "eyebright",
            "train",
            flowers,
            "-o",
            str(run),
            "--seed",
            str(seed),
            "--json",
            "--overwrite",
        ]
        environment = {"EYEBRIGHT_CACHE": str(cache)}
        (report, seconds), (_, again) = (measure(command, **environment) for _ in range(2))
        first.append(seconds)
        second.append(again)
        ours.append(report["test"]["accuracy"])
        split = str(run / "split.csv")
        report, seconds = measure([OWN, str(HERE / "peers" / "plain_features.py"), flowers, split])
        plain.append(seconds)
        theirs.append(report["accuracy"])
    middle = statistics.median
    print(f"seconds: first run {middle(first):.1f}, second {middle(second):.1f}, plain script {middle(plain):.1f}")
    print(f"test accuracy: {spread(ours)}; plain script {spread(theirs)}")


def features(rounds: int) -> None:
    """Features a second, contenders in turn."""
    backbone = Backbone()
    engine = backbone.engine()
    pictures = np.random.default_rng(0).integers(0, 256, (32, 224, 224, 3), np.uint8)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        graph = Path(place, "backbone.onnx")
        graph.write_bytes(backbone._graph())
        for _ in range(rounds):
            seconds = []
            for _ in range(12):
                start = time.perf_counter()
                engine(pictures)
                seconds.append(time.perf_counter() - start)
            found.setdefault(f"eyebright, {backbone.chosen}", []).append(32 / statistics.median(seconds[2:]))
            for precision in ("bfloat16", "float32"):
                report, _ = measure([OWN, str(HERE / "peers" / "plain_features.py"), "--rate", precision])
                found.setdefault(f"torch, eager, {precision}", []).append(report["per_second"])
            report, _ = measure([PEER, str(HERE / "peers" / "onnxruntime_features.py"), str(graph)])
            found.setdefault("ONNX Runtime", []).append(report["per_second"])
    for name, values in found.items():
        print(f"features a second at 224x224: {name} {statistics.median(values):.0f}")


def measure(command: list[str], **environment: str) -> tuple[dict, float]:
    """What a command reports on its last line or lines, and the seconds it took."""
    start = time.perf_counter()
    finished = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=True)
    return json.loads(finished.stdout), time.perf_counter() - start


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.3f} +- {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
