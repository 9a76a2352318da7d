"""Time the entropy decoding of a folder of JPEGs: the limit for a first pass over them.

    python jpeg_entropy.py PICTURES --threads 2

Whatever size is wanted, every coefficient of a JPEG has to be read from its bit stream. Decoding at an eighth of the
size, in grey, leaves hardly anything else to do, and nothing is resized. Prints one line of JSON with the pictures,
wall and CPU seconds and pictures per second. Expect about 61 of make_photos.py's pictures per second on two cores.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from stopwatch import Stopwatch


def decode_smallest(path: Path) -> None:
    """Decode a JPEG at the smallest scale its decoder offers; the pixels are dropped."""
    with Image.open(path) as file:
        file.draft("L", (1, 1))
        file.load()


def main() -> None:
    """Decode every JPEG once and print the measurements."""
    parser = argparse.ArgumentParser(description="Time the entropy decoding of JPEGs.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of JPEGs per class")
    parser.add_argument("--threads", type=int, default=2, help="threads that decode")
    args = parser.parse_args()

    stopwatch = Stopwatch()
    paths = [path for path in args.pictures.glob("*/*") if path.suffix.lower() in {".jpeg", ".jpg"}]
    with ThreadPoolExecutor(args.threads) as pool:
        pictures = sum(1 for _ in pool.map(decode_smallest, paths))
    print(json.dumps({"peer": "jpeg_entropy_limit", **stopwatch.rates(pictures)}))


if __name__ == "__main__":
    main()
