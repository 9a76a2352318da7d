"""Faults planted in the boxes of real photographs, and how many of them `eyebright audit --model` finds.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/detection_audit.py bccd --seeds 0 1 2
    ... benchmarks/detection_audit.py bccd --seeds 0 --model SOUND_RUN

5% of the boxes are removed, and 5% get another class. The detector is trained on these faulty labels, as that of a user
would be; with `--model` it is the given one, such as one that was trained on the labels as they were. A removed box is
found by a finding "not labelled" that overlaps it by at least half; a wrong class by a finding "probably another class"
about this box. All other findings of the two kinds count as "others"; sets have true faults of their own, so that the
same audit of the published labels stands beside it.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import eyebright as eb
from eyebright.data.split import SIDES
from eyebright.tasks.detection.data.audit import BoxFinding
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.geometry.boxes import iou
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs.audit import audit

REMOVED, SWAPPED = 0.05, 0.05
COLUMNS = ("seed", "removed", "found", "others", "wrong class", "found", "others", "as published: not labelled, class")


class Fault(NamedTuple):
    """A planted fault: the name of the image, the box, and whether its class was changed; else it was removed."""

    image: str
    corners: NDArray[np.float64]
    swapped: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", help="a set below EYEBRIGHT_DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--model", help="a detector; by default one is trained on the faulty labels")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of eyebright train; comes last")
    given = parser.parse_args()
    dataset = BoxDataset.open(Path(os.environ["EYEBRIGHT_DATA"]) / given.pictures)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            faults = plant(dataset, place / "faulty", np.random.default_rng(seed))
            plant(dataset, place / "sound", None)
            model = given.model or train(place, seed, given.options)
            detector = eb.load(model)
            assert isinstance(detector, Detector)
            sound, found = (audit(place / name, detector).audit for name in ("sound", "faulty"))
        missing = counts(found.of("not labelled"), [one for one in faults if not one.swapped], -1)
        wrong = counts(found.of("probably another class"), [one for one in faults if one.swapped], 0)
        known = ", ".join(str(len(sound.of(kind))) for kind in ("not labelled", "probably another class"))
        print(f"| {' | '.join(map(str, (seed, *missing, *wrong, known)))} |", flush=True)


def plant(dataset: BoxDataset, folder: Path, stream: np.random.Generator | None) -> list[Fault]:
    """Write the set with links to its images and a table of its boxes, with faults drawn from a stream, if given."""
    folder.mkdir()
    total, faults = dataset.box_count, list[Fault]()
    drawn = np.ones(total) if stream is None else stream.permutation(total) / total
    names = np.array(dataset.classes)
    with (folder / "boxes.csv").open("w", newline="") as file:
        table, number = csv.writer(file), 0
        table.writerow(("file", "class", "xmin", "ymin", "xmax", "ymax", "split"))
        for index, name in enumerate(dataset.source.names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(Path(str(dataset.source.open(index))).resolve())
            side, rows = "" if dataset.sides is None else SIDES[dataset.sides[index]], 0
            for corners, label in zip(dataset.boxes[index].corners, dataset.boxes[index].labels, strict=True):
                here, number = drawn[number], number + 1
                if here < REMOVED + SWAPPED:
                    faults.append(Fault(name, corners, swapped=bool(here >= REMOVED)))
                if here >= REMOVED:
                    others = np.delete(names, label)
                    written = names[label] if here >= REMOVED + SWAPPED or stream is None else stream.choice(others)
                    table.writerow((name, written, *corners.tolist(), side))
                    rows += 1
            if not rows:
                table.writerow((name, "", "", "", "", "", side))
    return faults


def train(place: Path, seed: int, options: Sequence[str]) -> Path:
    """A detector that was trained on the faulty labels."""
    run = place / "run"
    command = [sys.executable, "-m", "eyebright", "train", place / "faulty", "-o", run, "--seed", str(seed), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return run


def counts(findings: Sequence[BoxFinding], faults: Sequence[Fault], box: int) -> tuple[int, str, int]:
    """How many faults there are, how many of them were found, and how many findings are about something else.

    Args:
        findings: Of one kind.
        faults: Of one kind.
        box: Which box of a finding is to be compared with that of the fault.
    """
    hit, used = 0, set[int]()
    for fault in faults:
        here = [
            number for number, one in enumerate(findings)
            if one.picture == fault.image and iou(np.array([one.corners[box]]), fault.corners[None])[0, 0] >= 0.5
        ]  # fmt: skip
        hit += bool(here)
        used |= set(here)
    return len(faults), f"{hit} ({hit / max(len(faults), 1):.0%})", len(findings) - len(used)


if __name__ == "__main__":
    main()
