"""What the means of the middle of the backbone are worth in the default training, on the same splits.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/middle.py [--sets flowers cifar10] [--seeds 5]

For each set and seed, the head that reads the last maps alone and the one that `eyebright train` chooses by
cross-validation answer the test images of the seed's split; the features are those of the training. Printed are both
test accuracies, McNemar's p over the test images of all seeds (as if these were independent), and the processor seconds
of choosing and fitting a head.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.data.batches import content_order
from eyebright.data.digests import Digests
from eyebright.data.prepare import prepare
from eyebright.model.backbone import Backbone
from eyebright.model.features import features
from eyebright.runs.auto import BACKBONE, MIDDLE, backbone_px
from eyebright.runs.start import choose_resize
from eyebright.training.head import fit_head
from eyebright.trust.significance import mcnemar

SETS = "flowers", "cifar10", "traffic_signs", "fashion", "faces"


def main() -> None:
    """Print a row for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    print("| set | last maps alone | as chosen | median | mean difference | middle read | McNemar's p | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.sets:
        compare(name, asked.seeds)


def compare(name: str, seeds: int) -> None:
    """Both heads for each seed."""
    right: dict[str, list[np.ndarray]] = {"alone": [], "chosen": []}
    took: dict[str, list[float]] = {"alone": [], "chosen": []}
    wide = 0
    for seed in range(seeds):
        dataset = eb.Dataset.open(Path(os.environ["EYEBRIGHT_DATA"], name), seed=seed)
        fit = choose_resize(dataset, "auto").fit
        backbone = Backbone(name=BACKBONE, size_px=backbone_px(dataset.typical_side()), fit=fit, middle=MIDDLE)
        prepared = prepare(dataset, backbone.preparation)
        pack, first = prepared.pack, backbone.last.output_shape[0]
        known = np.flatnonzero(prepared.sides >= 0)
        digests = np.zeros(len(pack.rows), pack.digests.values.dtype)
        digests[known] = pack.digests.values[known]
        read = features(lambda index, pack=pack: pack.read([index])[0], Digests(digests), backbone).read
        train, test = (content_order(pack, prepared.labels, prepared.indices(side)) for side in ("train", "test"))
        groups = prepared.groups_at(train)
        for what, count in (("alone", 0), ("chosen", first)):
            values, started = read(train), time.process_time()
            head = fit_head(values if count else values[:, :first], prepared.labels[train], len(dataset.classes),
                            groups, first=count)  # fmt: skip
            took[what].append(time.process_time() - started)
            right[what].append(head.logits(read(test)).argmax(axis=1) == prepared.labels[test])
        wide += head.features > first
    before, after = ([float(one.mean()) for one in right[what]] for what in ("alone", "chosen"))
    p = mcnemar(np.concatenate(right["chosen"]), np.concatenate(right["alone"]))
    gains = np.subtract(after, before)
    print(
        f"| {name} | {spread(before)} | {spread(after)} | {statistics.median(before):.3f} to "
        f"{statistics.median(after):.3f} | {gains.mean():+.3f} ({gains.min():+.3f} to {gains.max():+.3f}) | {wide} of "
        f"{seeds} | {p:.1g} | {statistics.median(took['alone']):.1f} to {statistics.median(took['chosen']):.1f} |",
        flush=True,
    )


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
