"""Write the notes' flower network as a .keras file for keras_predict.py to load.

    python keras_make_model.py PICTURES OUT.keras

It is trained on a single batch: loading and predicting take the same time whatever the weights are, but the file of a
trained model also holds its optimizer's moments, twice as much again as the weights, and users load that. Prints one
line of JSON with the classes, the parameters (3,989,285 at 180x180 with five classes) and the size of the file (48 MB).
"""

import argparse
import json
from pathlib import Path

from flowers_network import flowers_network
from quiet_keras import keras


def main() -> None:
    """Build the network, train it on one batch, save it and say what was written."""
    parser = argparse.ArgumentParser(description="Save the notes' flower network as a .keras file.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of pictures per class")
    parser.add_argument("out", type=Path, help="the file to write, ending in .keras")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    parser.add_argument("--seed", type=int, default=0, help="initial weights and choice of the batch")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    batches = keras.utils.image_dataset_from_directory(
        args.pictures, image_size=(args.size, args.size), batch_size=32, seed=args.seed, verbose=False
    )
    network = flowers_network(size_px=args.size, num_classes=len(batches.class_names), augment=False)
    network.fit(batches.take(1), shuffle=False, verbose=0)
    network.save(args.out)
    report = {
        "peer": "keras",
        "classes": batches.class_names,
        "parameters": network.count_params(),
        "megabytes": round(args.out.stat().st_size / 1e6, 2),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
