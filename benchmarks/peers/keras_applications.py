"""Train a network of keras.applications for a few steps and report its rate.

    python keras_applications.py ResNet50 --precision mixed_bfloat16 --batch-size 16

Weights are random, pictures are noise in memory, the optimizer is adam. The first epoch builds the graph and does not
count; the rate is the median over the others. Prints one line of JSON.
"""

import argparse
import json
import statistics

import numpy as np
from quiet_keras import keras, tf
from stopwatch import Stopwatch

NETWORKS = ("ResNet50", "DenseNet121", "VGG16")


class Rates(keras.callbacks.Callback):
    """Pictures a second of each epoch's steps."""

    def __init__(self, pictures: int) -> None:
        super().__init__()
        self.found: list[float] = []
        self._pictures = pictures

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch == 0:
            self._watch = Stopwatch()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._rate = self._watch.rates(self._pictures)["pictures_per_second"]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.found.append(self._rate)


def main() -> None:
    """Train as the command line says and print the rate."""
    parser = argparse.ArgumentParser(description="Time a network of keras.applications.")
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3, help="steps of an epoch")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(args.precision)
    network = getattr(keras.applications, args.network)(weights=None)
    network.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy())
    count = args.steps * args.batch_size
    random = np.random.default_rng(0)
    pictures, labels = random.random((count, 224, 224, 3), np.float32), random.integers(0, 1000, count)
    batches = tf.data.Dataset.from_tensor_slices((pictures, labels)).batch(args.batch_size).cache().prefetch(2)
    rates = Rates(count)
    network.fit(batches, epochs=args.epochs, callbacks=[rates], verbose=0)
    report = {"peer": "keras", "network": args.network, "pictures_per_second": statistics.median(rates.found[1:])}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
