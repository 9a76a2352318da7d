"""Many tiny images: how fast they are found and hashed, and how much memory training on them needs.

    python benchmarks/many_pictures.py                 # 20,000 and 200,000
    python benchmarks/many_pictures.py --counts 20000

Makes PNGs of 24x24 pixels in 1,000 folders, all with different content. For each count it measures files per second of
the scan, images per second of the first pass (open, digest, print, pack), the seconds to compare images before a
training, and the peak resident memory of a whole `eyebright train`, in a separate process with an empty cache: one
epoch of LeNet-5. Prints a line of JSON for each count.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import find_sets, split

CLASSES, SIDE = 1_000, 24
TRAIN = """
import runpy, sys
try:
    runpy.run_module("eyebright", run_name="__main__")
finally:  # the peak of this process alone: ru_maxrss would count that of whoever started it
    print("peak", open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure scanning, hashing and memory on many tiny images.")
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 200_000], help="how many images")
    args = parser.parse_args()
    for count in args.counts:
        with tempfile.TemporaryDirectory() as place:
            pictures = Path(place, "pictures")
            make(pictures, count)
            found = {"pictures": count, "peak_mb": round(peak_of_training(pictures, place)), **rates(pictures, place)}
            print(json.dumps(found), flush=True)


def make(folder: Path, count: int) -> None:
    """Write the images: a colour for each class and noise, so that no two are the same."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 128, (CLASSES, 3))
    for label in range(CLASSES):
        place = folder / f"class{label:04d}"
        place.mkdir(parents=True)
        pixels = (random.integers(0, 128, (count // CLASSES, SIDE, SIDE, 3)) + colours[label]).astype(np.uint8)
        for number, picture in enumerate(pixels):
            (place / f"{number:05d}.png").write_bytes(png(picture))


def png(pixels: np.ndarray) -> bytes:
    """A PNG, written as fast as may be."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # filter 0
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
              for kind, data in parts)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def peak_of_training(pictures: Path, place: str) -> float:
    """Megabytes of a whole command."""
    command = [sys.executable, "-c", TRAIN, "train", str(pictures), "-o", f"{place}/run", "--network", "lenet5",
               "--size", str(SIDE), "--epochs", "1", "--augment", "none", "--precision", "float32"]  # fmt: skip
    environment = os.environ | {"EYEBRIGHT_CACHE": f"{place}/cache of training"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    return int(run.stdout.split("peak ")[1].split()[0]) / 1024


def rates(pictures: Path, place: str) -> dict[str, float]:
    """Files found per second, images hashed and packed per second, and the seconds to compare them for the split."""
    os.environ["EYEBRIGHT_CACHE"] = f"{place}/cache"
    start = time.perf_counter()
    dataset = Dataset.open(pictures)
    scanned = time.perf_counter()
    pack = dataset.pack(Preparation(width=SIDE, height=SIDE))
    hashed = time.perf_counter()
    sets = find_sets(dataset, pack)
    compared = time.perf_counter()
    split(dataset, pack, sets)
    done = time.perf_counter()
    count = len(dataset)
    return {
        "scan_files_per_s": round(count / (scanned - start)),
        "hash_pictures_per_s": round(count / (hashed - scanned)),
        "compare_s": round(compared - hashed, 1),
        "split_s": round(done - compared, 2),
    }


if __name__ == "__main__":
    main()
