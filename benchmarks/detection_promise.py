"""Does a promise of recall hold, and how many images does it take? By the detectors of some runs, on drawn images.

    .venv/bin/python benchmarks/detection_promise.py RUN... [--promises 0.8 0.9 0.95] [--images 44 87 150 300]

The images that a detector has not learned from (its validation, held-back and test images with objects) stand for all
images that there are. So many of them are drawn with replacement (of related ones whole groups), 200 times, and a
promise rests on those: a row is how often it is made, how often it is broken (at its threshold, less is found in all
images; at most 5% of the draws may be), and the recall that it reaches in all images, on average.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eyebright.runs.folder import Run
from eyebright.system.errors import DataError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import found_in, truths
from eyebright.tasks.detection.runs.opening import open_boxes, prepared_boxes
from eyebright.tasks.detection.trust.matching import Matches, match
from eyebright.tasks.detection.trust.promise import RecallPromise, missed_shares, promise_recall

DRAWS = 200
COLUMNS = ("run", "images or groups", "promise", "drawn", "made", "broken", "recall in all images")


class Unseen(NamedTuple):
    """What a detector finds in images that it has not learned from, by image, and the group of each."""

    found: NDArray[np.object_]
    truth: NDArray[np.object_]
    groups: NDArray[np.int64]

    def drawn(self, chosen: NDArray[np.int64]) -> tuple[Matches, NDArray[np.int64]]:
        """The images of these groups; a group that is drawn twice counts as two."""
        parts = [np.flatnonzero(self.groups == group) for group in chosen]
        at = np.concatenate(parts)
        return match(self.found[at], self.truth[at]), np.repeat(np.arange(len(parts)), list(map(len, parts)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--promises", type=float, nargs="+", default=[0.8, 0.9, 0.95])
    options.add_argument("--images", type=int, nargs="+", default=[44, 87, 150, 300])
    given = options.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for path in given.runs:
        unseen = unseen_of(Run(path))
        for least in given.promises:
            for count in given.images:
                row = (path.name, len(np.unique(unseen.groups)), least, count, *tried(unseen, least, count))
                print(f"| {' | '.join(map(str, row))} |", flush=True)


def unseen_of(run: Run) -> Unseen:
    """The images of a run that its detector has not learned from."""
    request, network = run.read()
    request = request.changed(split=str(run.split))
    prepared = prepared_boxes(open_boxes(request, lambda _: None), request, network.input_shape[1], lambda _: None)
    detector = Detector.load(run.model)
    every = np.concatenate([prepared.indices(side) for side in ("validation", "held_back", "test")])
    at = np.array([index for index in every.tolist() if len(prepared.boxes[index])])
    groups = prepared.groups_at(at)
    found, truth = np.empty(len(at), object), np.empty(len(at), object)
    found[:], truth[:] = found_in(detector.predictor, prepared, at), truths(prepared, at, detector.classes)
    return Unseen(found, truth, np.arange(len(at)) if groups is None else groups)


def tried(unseen: Unseen, least: float, count: int) -> Iterator[str]:
    """How often a promise is made and broken, and the recall that it reaches."""
    every, promise = np.unique(unseen.groups), RecallPromise(least)
    whole, groups = unseen.drawn(every)
    reached, stream = list[float](), np.random.default_rng(0)
    for _ in range(DRAWS):
        matches, members = unseen.drawn(stream.choice(every, count))
        try:
            made = promise_recall(promise, matches, members)
        except DataError:
            continue
        reached.append(1 - float(missed_shares(whole, np.array([made.threshold]), groups).mean()))
    broken = sum(recall < least for recall in reached)
    yield f"{len(reached) / DRAWS:.0%}"
    yield f"{broken / DRAWS:.1%}"
    yield f"{np.mean(reached):.1%}" if reached else "-"


if __name__ == "__main__":
    main()
