"""Time the first pass over a folder of pictures with Keras: decode, stretch to size, batch.

    python keras_first_pass.py PICTURES --size 180

Prints one line of JSON with the pictures, wall and CPU seconds and pictures per second; imports are left out, finding
the files is not. Expect about 25 of make_photos.py's pictures per second on two cores.
"""

import argparse
import json
from pathlib import Path

from quiet_keras import keras
from stopwatch import Stopwatch


def main() -> None:
    """Read every picture once and print the measurements."""
    parser = argparse.ArgumentParser(description="Time one pass of image_dataset_from_directory.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of pictures per class")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    args = parser.parse_args()

    stopwatch = Stopwatch()
    batches = keras.utils.image_dataset_from_directory(
        args.pictures, image_size=(args.size, args.size), batch_size=32, verbose=False
    )
    pictures = sum(len(labels) for _, labels in batches)
    print(json.dumps({"peer": "keras", **stopwatch.rates(pictures)}))


if __name__ == "__main__":
    main()
