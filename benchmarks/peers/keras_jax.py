"""Train a network with Keras on JAX, its images in memory as arrays, and print the images per second of each epoch.

    KERAS_BACKEND=jax python keras_jax.py resnet50 --size 224 [--augment]
    KERAS_BACKEND=jax python keras_jax.py flowers_cnn --size 180 [--augment]

In mixed_bfloat16, with batches of 128 of 3,500 images of noise. The first epoch compiles. Needs only keras and jax; the
network of the notes is that of `flowers_network.py`, which needs TensorFlow. ResNet-50 is that of keras.applications.
"""

import argparse
import os
import time
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

COUNT, BATCH, CLASSES = 3_500, 128, 10


class Rates(keras.callbacks.Callback):
    """Images per second of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.found.append(COUNT / (time.perf_counter() - self._start))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a network in Keras on JAX.")
    parser.add_argument("network", choices=("resnet50", "flowers_cnn"))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--augment", action="store_true", help="flip, rotation 0.1, zoom 0.1")
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (COUNT, args.size, args.size, 3), np.uint8)
    labels = random.integers(0, CLASSES, COUNT)
    network = built(args.network, args.size, args.augment)
    network.compile(
        optimizer=keras.optimizers.AdamW(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rates = Rates()
    network.fit(images, labels, batch_size=BATCH, epochs=args.epochs, callbacks=[rates], verbose=0)
    print(f"{args.network} at {args.size}{', augmented' if args.augment else ''}, Keras {keras.__version__} on JAX:",
          *(f"{rate:,.0f}" for rate in rates.found), "images/s")  # fmt: skip


def built(name: str, size: int, augment: bool) -> keras.Model:
    """The network, from images of 0 to 255 to logits."""
    layers = keras.layers
    changes = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)] if augment else []
    if name == "resnet50":
        body = [
            keras.applications.ResNet50(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))
        ]
    else:
        body = [
            part
            for filters in (16, 32, 64)
            for part in (layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D())
        ]
        body += [layers.Dropout(0.2), layers.Flatten(), layers.Dense(128, activation="relu")]
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            *changes,
            layers.Rescaling(1 / 255),
            *body,
            layers.Dense(CLASSES, dtype="float32"),
        ]
    )


if __name__ == "__main__":
    main()
