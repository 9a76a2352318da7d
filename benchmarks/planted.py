"""Duplicates planted in real photos, and how many of them the audit finds.

    EYEBRIGHT_DATA=/path/to/pictures .venv/bin/python benchmarks/planted.py [--seed 1]

The real duplicates are first removed from the flowers. Then 5% of the images are added again as exact duplicates (the
same bytes under another name, or the same pixels as PNG), and another 5% changed: re-encoded, resized, mirrored,
rotated by quarter turns, lightly cropped, or several of these. They are written to a temporary directory.

Recall is the share of planted duplicates found together with their original; precision the share of found pairs that
have the same original.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

import eyebright as eb
from eyebright.data.audit.duplicates import find_duplicates
from eyebright.data.pictures import Preparation
from eyebright.data.split import connected

KINDS = ("re-encoded", "rescaled", "mirrored", "turned", "mirrored, turned, rescaled", "cropped")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cleanvision", default="", help="the python of an environment with cleanvision, to compare")
    args = parser.parse_args()
    folder = Path(os.environ["EYEBRIGHT_DATA"]) / "flowers"
    with tempfile.TemporaryDirectory() as place:
        os.environ["EYEBRIGHT_CACHE"] = f"{place}/cache"
        root = Path(place, "planted")
        cleared = clear(eb.Dataset.open(folder), root)
        truth = plant(root, cleared, np.random.default_rng(args.seed))
        measure(eb.Dataset.open(root), truth)
        if args.cleanvision:
            measure_peer(args.cleanvision, root, truth)


def clear(dataset: eb.Dataset, root: Path) -> list[str]:
    """Copy one image of each set of real duplicates."""
    ids, _ = find(dataset)
    _, first = np.unique(ids, return_index=True)
    print(f"{len(dataset):,} flowers, {len(dataset) - len(first)} cleared as copies of others")
    names = [dataset.source.names[index] for index in first]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(dataset.origin / name, root / name)
    return names


def plant(root: Path, names: list[str], random: np.random.Generator) -> dict[str, tuple[str, str]]:
    """Plant duplicates; returns (original, kind) for the name of each."""
    count = len(names) // 20
    chosen = random.choice(names, 2 * count, replace=False)
    truth = {}
    for number, name in enumerate(chosen.tolist()):
        kind = ("same pixels", "same bytes")[number % 2] if number < count else KINDS[number % len(KINDS)]
        copy = root / Path(name).parent / f"copy_{number:04d}"
        copy = copy.with_suffix(".png" if kind == "same pixels" else ".jpg")
        if kind == "same bytes":
            shutil.copy(root / name, copy)
        else:
            with Image.open(root / name) as picture:
                write(picture.convert("RGB"), kind, copy, random)
        truth[str(copy.relative_to(root))] = name, kind
    return truth


def write(picture: Image.Image, kind: str, copy: Path, random: np.random.Generator) -> None:
    if "mirrored" in kind:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "turned" in kind:
        picture = picture.transpose([Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180,
                                     Image.Transpose.ROTATE_270][random.integers(3)])  # fmt: skip
    if "rescaled" in kind:
        scale = random.uniform(0.4, 1.5)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    if "cropped" in kind:
        left, top, right, bottom = random.uniform(0, 0.06, 4) * np.tile(picture.size, 2)
        picture = picture.crop((round(left), round(top), round(picture.width - right), round(picture.height - bottom)))
    picture.save(copy, **({} if copy.suffix == ".png" else {"quality": int(random.integers(40, 96))}))


def find(dataset: eb.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The number of each image's set of duplicates, and the pairs found."""
    pack = dataset.pack(Preparation(width=32, height=32))
    start = time.perf_counter()
    usable = np.flatnonzero(pack.rows >= 0)
    pairs = usable[find_duplicates(pack.thumbnails(usable), pack.digests.at(usable)).pairs]
    print(f"{len(dataset):,} pictures compared in {time.perf_counter() - start:.1f} s")
    return connected(len(dataset), pairs), pairs


def measure(dataset: eb.Dataset, truth: dict[str, tuple[str, str]]) -> None:
    names = list(dataset.source.names)
    ids, pairs = find(dataset)
    found = [(names[one], names[other]) for one, other in pairs.tolist()]
    score("eyebright", dict(zip(names, ids.tolist(), strict=True)), found, truth)


def measure_peer(python: str, root: Path, truth: dict[str, tuple[str, str]]) -> None:
    """The same for cleanvision, in an environment of its own."""
    peer = [python, str(Path(__file__).parent / "peers" / "cleanvision_copies.py"), str(root)]
    report = json.loads(subprocess.run(peer, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    print(f"cleanvision took {report['seconds']:.1f} s")
    found = [pair for same in report["sets"] for pair in itertools.pairwise(same)]
    names = sorted({name for pair in found for name in pair})
    number = {name: index for index, name in enumerate(names)}
    edges = np.array([(number[one], number[other]) for one, other in found], np.int64).reshape(-1, 2)
    score("cleanvision", dict(zip(names, connected(len(names), edges).tolist(), strict=True)), found, truth)


def score(who: str, ids: dict[str, int], shown: list[tuple[str, str]], truth: dict[str, tuple[str, str]]) -> None:
    """Recall by the set that each picture was found to be in, precision by the pairs that were found."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for copy, (name, kind) in truth.items():
        by_kind[kind].append(ids.get(copy, -1) == ids.get(name, -2))
    for kind, found in by_kind.items():
        print(f"  {kind}: {sum(found)} of {len(found)}")
    right = [truth.get(one, (one,))[0] == truth.get(other, (other,))[0] for one, other in shown]
    every = [found for kind in by_kind.values() for found in kind]
    print(f"{who}: recall {np.mean(every):.3f}, precision {np.mean(right):.3f} of {len(right)} pairs")
    for (one, other), good in zip(shown, right, strict=True):
        if not good:
            print(f"  not planted: {one} and {other}")


if __name__ == "__main__":
    main()
