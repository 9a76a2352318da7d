"""Peak resident memory of training on a number of small images.

    python benchmarks/eyebright_memory.py 4000

Makes the images (28x28, ten classes), trains the flower network for one epoch as the command does, and prints one line
of JSON. Run it with 4000 and with 40000: the peaks should be nearly equal.
"""

import argparse
import json
import os
import resource
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import eyebright as eb


def main() -> None:
    """Make the images, train, and print the peak."""
    parser = argparse.ArgumentParser(description="Measure the memory of training.")
    parser.add_argument("count", type=int, help="how many images")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as place:
        os.environ["EYEBRIGHT_CACHE"] = f"{place}/cache"
        random = np.random.default_rng(0)
        for number in range(args.count):
            folder = Path(place, "pictures", f"class{number % 10}")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (28, 28), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.bmp")
        eb.train(Path(place, "pictures"), Path(place, "run"), network="flowers_cnn", settings=eb.Settings(epochs=1))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peer": "eyebright", "pictures": args.count, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
