"""How good a detector is after `eyebright train`, on the official test images, and how long that takes.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/detection.py bccd --seeds 0 1 2 3 4
    ... benchmarks/detection.py bccd --seeds 0 1 2 --peer /tmp/yolo/bin/python --peer-epochs 6
    ... benchmarks/detection.py traffic_lights --options --minutes 10

Each training is the public command, with an empty cache except for the published weights; what stands after `--options`
is passed on to it. With `--peer` it takes turns with yolo26n from scratch, for so many epochs: choose them so that both
take the same processor time. It needs an environment of its own, see peers/yolo.py, which has its settings too;
`--peer-settings` are others. Both are evaluated by `tasks.detection`: a row for each run, and one for the test images
that have no near-duplicate in training, where some have one. `--json FILE` appends each row as a line of JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import eyebright as eb
from eyebright.data.pictures import Preparation
from eyebright.data.split import SIDES
from eyebright.system import files
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import found_in, truths
from eyebright.tasks.detection.trust.metrics import DetectionEvaluation, evaluate

PEER = Path(__file__).with_name("peers") / "yolo.py"
FOLDERS = {"train": "train", "validation": "val", "test": "test"}
PEER_THRESHOLD = 0.25  # what YOLO draws by default
COLUMNS = ("who", "seed", "test images", "epochs", "mAP50", "mAP", "ECE", "ECE by chance, up to", "CPU s", "wall s")


class Trained(NamedTuple):
    """What a training gave: what was found in the test images, from which confidence on it is shown, and its cost."""

    who: str
    seed: int
    found: Sequence[Detections]
    thresholds: NDArray[np.float64]
    epochs: int
    cpu_s: float
    wall_s: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pictures", help="a set below EYEBRIGHT_DATA")
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    options.add_argument("--peer", default="", help="the Python of an environment with ultralytics")
    options.add_argument("--peer-epochs", type=int, default=6, help="epochs of the peer")
    options.add_argument("--peer-settings", help='of the peer, as JSON; "{}" for its usual ones')
    options.add_argument("--json", type=Path, help="a file to which each row is appended")
    options.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of eyebright train; comes last")
    given = options.parse_args()
    pictures = Path(os.environ["EYEBRIGHT_DATA"]) / given.pictures
    prepared = prepare(BoxDataset.open(pictures), Preparation(width=320, height=320, fit="pad"))
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    rows = list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        for seed in given.seeds:
            for trained in trainings(given, pictures, prepared, Path(folder), seed):
                for row in rows_of(trained, prepared):
                    rows.append(row)
                    shown(row)
                    if given.json:
                        with given.json.open("a") as file:
                            print(json.dumps({"pictures": given.pictures, "options": given.options} | row), file=file)
    if len(given.seeds) > 1:
        summary(rows)


def trainings(
    given: argparse.Namespace, pictures: Path, prepared: PreparedBoxes, folder: Path, seed: int
) -> Iterator[Trained]:
    """The training of eyebright, then that of the peer where there is one."""
    yield eyebright_trained(given, pictures, prepared, folder, seed)
    if given.peer:
        yield peer_trained(given, prepared, folder / "yolo", seed)


def eyebright_trained(
    given: argparse.Namespace, pictures: Path, prepared: PreparedBoxes, folder: Path, seed: int
) -> Trained:
    """Train by the public command in an empty cache, and look at the test images."""
    run, cache = folder / "run", folder / "cache"
    for old in (run, cache):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(files.cache_folder("weights"), cache / "weights")
    command = [sys.executable, "-m", "eyebright", "train", pictures, "-o", run, "--seed", str(seed), *given.options]
    cpu_s, wall_s = measured(command, EYEBRIGHT_CACHE=str(cache))
    shutil.rmtree(cache)
    detector = eb.load(run)
    assert isinstance(detector, Detector)
    found = found_in(detector.predictor, prepared.resized(detector.preparation), prepared.indices("test"))
    epochs = len(detector.history.history["val_loss"])
    return Trained("eyebright", seed, found, np.array(detector.card.thresholds), epochs, cpu_s, wall_s)


def peer_trained(given: argparse.Namespace, prepared: PreparedBoxes, folder: Path, seed: int) -> Trained:
    """Train the peer on the same training images, and let it look at the test images."""
    write_yolo(prepared, folder)
    out = folder / "found.json"
    settings = [given.peer_settings] if given.peer_settings else []
    cpu_s, wall_s = measured(
        [given.peer, PEER, folder, str(given.peer_epochs), str(seed), folder / "test.txt", out, *settings],
        YOLO_OFFLINE="true",
    )
    answer = json.loads(out.read_text())
    rows = [np.array(one, np.float64).reshape(-1, 6) for one in answer["found"]]
    found = [Detections(one[:, :4], one[:, 4].astype(np.int64), one[:, 5]) for one in rows]
    thresholds = np.full(len(prepared.dataset.classes), PEER_THRESHOLD)
    return Trained("yolo26n", seed, found, thresholds, answer["epochs"], cpu_s, wall_s)


def measured(command: list[Any], **environment: str) -> tuple[float, float]:
    """Run a command without its output; its processor seconds, and those of the clock."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin


def rows_of(trained: Trained, prepared: PreparedBoxes) -> Iterator[dict[str, Any]]:
    """How good it is on all test images, and on those without a near-duplicate in training where these are fewer."""
    test = prepared.indices("test")
    truth = truths(prepared, test, prepared.dataset.classes)
    near = prepared.related[prepared.indices("train")]
    new = np.flatnonzero((prepared.related[test] < 0) | ~np.isin(prepared.related[test], near))
    for kind, here in (("all", np.arange(len(test))), ("new", new)):
        if kind == "all" or len(here) < len(test):
            evaluation = evaluate(
                [trained.found[at] for at in here], [truth[at] for at in here], prepared.dataset.classes,
                trained.thresholds, groups=prepared.groups_at(test[here]),
            )  # fmt: skip
            yield row_of(trained, f"{len(here)} {kind}", evaluation)


def row_of(trained: Trained, images: str, evaluation: DetectionEvaluation) -> dict[str, Any]:
    chance = evaluation.error_by_chance
    return {
        "who": trained.who, "seed": trained.seed, "test images": images, "epochs": trained.epochs,
        "mAP50": _estimate(evaluation.map50), "mAP": _estimate(evaluation.map),
        "ECE": evaluation.calibration_error, "ECE by chance, up to": chance.limit if chance else None,
        "CPU s": trained.cpu_s, "wall s": trained.wall_s,
    }  # fmt: skip


def _estimate(found: Any) -> list[float]:
    return [found.value, found.low, found.high] if found else [0.0, 0.0, 1.0]


def shown(row: dict[str, Any]) -> None:
    """Print a row of the table."""
    print(f"| {' | '.join(_cell(row[name]) for name in COLUMNS)} |", flush=True)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "{:.3f} ({:.3f}-{:.3f})".format(*value)
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:.0f}"
    return "-" if value is None else str(value)


def summary(rows: list[dict[str, Any]]) -> None:
    """Print mean and standard deviation over the seeds."""
    for who, images in dict.fromkeys((row["who"], row["test images"]) for row in rows):
        here = [row for row in rows if (row["who"], row["test images"]) == (who, images)]
        for name in ("mAP50", "mAP"):
            values = np.array([row[name][0] for row in here])
            print(
                f"{who}, {images}: {name} {values.mean():.3f} +- {values.std(ddof=1):.3f}, at least {values.min():.3f}"
            )


def write_yolo(prepared: PreparedBoxes, folder: Path) -> None:
    """Write images and labels as YOLO wants them; test.txt has the test images in the order of `indices`."""
    shutil.rmtree(folder, ignore_errors=True)
    dataset, paths = prepared.dataset, dict[int, Path]()
    for side in SIDES:
        for index in prepared.indices(side).tolist():
            image = folder / "images" / FOLDERS[side] / Path(dataset.source.names[index]).name
            label = folder / "labels" / FOLDERS[side] / f"{image.stem}.txt"
            for file in (image, label):
                file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(dataset.origin / dataset.source.names[index], image)
            label.write_text(label_lines(dataset, index))
            paths[index] = image
    test = prepared.indices("test").tolist()
    (folder / "test.txt").write_text("\n".join(str(paths[index]) for index in test))
    names = ", ".join(dataset.classes)
    (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames: [{names}]\n")


def label_lines(dataset: BoxDataset, index: int) -> str:
    """The boxes of an image: class, centre and sides as shares of the image."""
    boxes, sizes = dataset.boxes[index], np.tile(dataset.sizes[index], 2)
    low, high = boxes.corners[:, :2], boxes.corners[:, 2:]
    shares = np.concatenate([(low + high) / 2, high - low], axis=1) / sizes
    rows = zip(boxes.labels, shares, strict=True)
    return "\n".join(f"{label} {' '.join(f'{share:.8f}' for share in row)}" for label, row in rows)


if __name__ == "__main__":
    main()
