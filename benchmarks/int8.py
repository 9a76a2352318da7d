"""What a default model loses in int8, on images that chose nothing.

    python benchmarks/int8.py traffic_signs --classes 0:21 --seed 21
    python benchmarks/int8.py cifar10/test --classes 0:10:2 --seed 31 --to litert onnx

The folder has one folder for each class, below EYEBRIGHT_DATA; --classes takes some of these, as a slice. A model is
trained with the defaults, exported in int8 (ranges from training images), and both answer the held-out test images.
Printed are the sizes, the accuracies, how many answers changed, and how many of the confident ones (0.9 or more).
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

import eyebright as eb
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.model.export.proof import CONFIDENT
from eyebright.runs.export import export
from eyebright.system.errors import ModelError


def main() -> None:
    """Print a row for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--classes", default=":")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", nargs="+", default=["litert", "onnx"])
    asked = parser.parse_args()
    source = Path(os.environ.get("EYEBRIGHT_DATA", "."), asked.folder)
    chosen = sorted(source.iterdir())[slice(*(int(part) if part else None for part in asked.classes.split(":")))]
    with tempfile.TemporaryDirectory() as place:
        images = Path(place, "images")
        images.mkdir()
        for folder in chosen:
            (images / folder.name).symlink_to(folder.resolve())
        run = Path(place, "run")
        eb.train(images, run, seed=asked.seed, verbose=False)
        model = eb.load(run)
        prepared = model.prepare(eb.Dataset.open(images, seed=asked.seed))
        test = prepared.indices("test")
        pixels, labels = prepared.pack.read(test), prepared.labels[test]
        assert not model.seen.contains(prepared.pack.digests.at(test)).any()
        ours = answers(model.predictor.answers, pixels)
        for to in asked.to:
            measure(to, run, Path(place, to), ours, pixels, labels, f"{asked.folder} {asked.classes}")


def measure(to, run, folder, ours, pixels, labels, name):  # type: ignore[no-untyped-def]
    """Export, and print what changed."""
    try:
        made = export(run, to, folder, precision="int8", tolerance=0.01)
    except ModelError as problem:
        print(f"| {name} | {to} | refused: {problem} |", flush=True)
        made = None
    if made is None:
        return
    sizes = made.exported.sizes(), export(run, to, folder.with_name(f"{to}_float32")).exported.sizes()
    theirs = answers(named_format(to).load(read_export(folder)), pixels)
    share = sum(sizes[0].values()) / sum(sizes[1].values())
    (before, own), (after, other) = ours, theirs
    right = [float((found.argmax(axis=1) == labels).mean()) for found in (before, after)]
    confident = (own >= 0) & (before.max(axis=1) >= CONFIDENT)
    print(
        f"| {name} | {to} | {len(labels)} | {right[0]:.1%} | {right[1]:.1%} | {int((own != other).sum())} | "
        f"{int((confident & (own != other)).sum())} of {int(confident.sum())} | {share:.2f} |",
        flush=True,
    )


def answers(run, pixels):  # type: ignore[no-untyped-def]
    """Probabilities `(N, classes)` and answers `(N,)`."""
    found = [run(pixels[at : at + 64]) for at in range(0, len(pixels), 64)]
    return np.concatenate([each.probabilities for each in found]), np.concatenate([each.answer for each in found])


if __name__ == "__main__":
    main()
