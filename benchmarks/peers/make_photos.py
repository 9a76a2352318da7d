"""Make JPEGs as large as a phone's, in class folders, for the first-pass measurements.

    python make_photos.py OUT --count 60 --classes 3 --megapixels 12

Each is smooth random structure from coarse to fine with a little sensor noise, 4:3, quality 90: 3 to 5 MB at 12
megapixels. The same seed gives the same files. Prints one line of JSON with the count, the pixels and the mean size.
"""

import argparse
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from stopwatch import Stopwatch


def photo(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Draw a picture whose detail fades towards fine scales, as in photographs."""
    pixels = np.full((height, width, 3), 128, np.float32)
    for cells, contrast in ((4, 50), (16, 25), (64, 15), (256, 8)):
        coarse = rng.normal(128, contrast, (cells * 3 // 4, cells, 3)).clip(0, 255).astype(np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        pixels += np.asarray(smooth, np.float32) - 128
    pixels += 5 * rng.standard_normal((height, width, 1), np.float32)  # grey noise: colour noise is removed by cameras
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def main() -> None:
    """Write the pictures and say what was written."""
    parser = argparse.ArgumentParser(description="Make large JPEGs in class folders.")
    parser.add_argument("out", type=Path, help="the folder to write into")
    parser.add_argument("--count", type=int, default=60, help="pictures over all classes")
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    stopwatch = Stopwatch()
    unit = math.sqrt(args.megapixels * 1e6 / 12)
    width, height = round(4 * unit), round(3 * unit)

    def write(index: int) -> int:
        path = args.out / f"class_{index % args.classes}" / f"photo_{index:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(width, height, np.random.default_rng((args.seed, index))).save(path, quality=90)
        return path.stat().st_size

    with ThreadPoolExecutor(2) as pool:
        sizes = list(pool.map(write, range(args.count)))
    report = {
        "photos": len(sizes),
        "width": width,
        "height": height,
        "mean_megabytes": round(sum(sizes) / len(sizes) / 1e6, 2),
        "wall_seconds": stopwatch.wall_seconds(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
