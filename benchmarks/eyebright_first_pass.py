"""Prepare a folder of images with eyebright: open, orient, resize, digest, write the pack. Then read it again.

    python benchmarks/eyebright_first_pass.py PICTURES --size 180

Prints one line of JSON: the rate of the first pass, and of a second one, which decodes nothing.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import eyebright as eb


def main() -> None:
    """Prepare, read again, and print the measurements."""
    parser = argparse.ArgumentParser(description="Time eyebright's first pass over images.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of images per class")
    parser.add_argument("--size", type=int, default=180)
    args = parser.parse_args()

    preparation = eb.Preparation(width=args.size, height=args.size)
    open_dataset = eb.Dataset.from_folder  # imports what it needs, as the peers have done when their clock starts
    with tempfile.TemporaryDirectory() as cache:
        os.environ["EYEBRIGHT_CACHE"] = cache
        rates = []
        for _ in range(2):
            start = time.perf_counter()
            pictures = open_dataset(args.pictures)
            pack = pictures.pack(preparation)
            pack.read(range(len(pictures)))
            rates.append(len(pictures) / (time.perf_counter() - start))
    print(json.dumps({"peer": "eyebright", "pictures_per_second": rates[0], "later_pictures_per_second": rates[1]}))


if __name__ == "__main__":
    main()
