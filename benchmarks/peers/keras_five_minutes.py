"""A plain Keras CNN on small pictures, with so many minutes from the command to its test accuracy.

    TF_ENABLE_ONEDNN_OPTS=1 python keras_five_minutes.py cifar10 --minutes 5 --seed 0

PICTURES holds `train/` and `test/` with one folder for each class. Three pairs of 3x3 convolutions (32, 64 and 128
filters) with batch normalisation, a pool and dropout after each pair, Adam at 0.001 falling along a cosine,
mirrored and shifted pictures, a tenth of the training pictures for validation; the weights of the best epoch are
tested. Prints one line of JSON. Expect 0.6 to 0.75 on 5,000 training pictures.
"""

import argparse
import json
from pathlib import Path

from stopwatch import Stopwatch

since_start = Stopwatch()

from quiet_keras import keras, tf  # noqa: E402

_RESERVE_S = 8.0  # to put the best weights back and to test them


class Budget(keras.callbacks.Callback):
    """Sets the learning rate from the share of the time that has gone, and stops when an epoch more would not fit."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self._end_s, self.epochs, self.best, self.weights = 60 * minutes - _RESERVE_S, 0, -1.0, None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._begun_s = since_start.wall_seconds()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        share = min(since_start.wall_seconds() / self._end_s, 1.0)
        self.model.optimizer.learning_rate = 0.5e-3 * (1 + float(tf.math.cos(share * 3.14159)))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs += 1
        if logs["val_accuracy"] > self.best:
            self.best, self.weights = logs["val_accuracy"], self.model.get_weights()
        now_s = since_start.wall_seconds()
        self.model.stop_training = now_s + (now_s - self._begun_s) > self._end_s


def network(num_classes: int, size: int) -> keras.Model:
    """Three pairs of convolutions and two dense layers."""
    layers = keras.layers
    parts = [
        keras.Input((size, size, 3)),
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1),
        layers.Rescaling(1 / 127.5, -1),
    ]
    for filters in (32, 64, 128):
        for _ in range(2):
            parts += [
                layers.Conv2D(filters, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        parts += [layers.MaxPooling2D(), layers.Dropout(0.2)]
    parts += [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.4)]
    return keras.Sequential([*parts, layers.Dense(num_classes, dtype="float32")])


def main() -> None:
    """Train and test within the minutes."""
    parser = argparse.ArgumentParser(description="A plain Keras CNN with a budget of time.")
    parser.add_argument("pictures", type=Path, help="a folder with train/ and test/")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="mixed_bfloat16")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    shape = {"image_size": (args.size, args.size), "label_mode": "int", "seed": args.seed}
    parts = {"validation_split": 0.1, "subset": "both"}
    training, validation = keras.utils.image_dataset_from_directory(
        args.pictures / "train", batch_size=64, **parts, **shape
    )
    test = keras.utils.image_dataset_from_directory(args.pictures / "test", batch_size=256, **shape)
    model = network(len(test.class_names), args.size)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    budget = Budget(args.minutes)
    training = training.cache().shuffle(1000).prefetch(tf.data.AUTOTUNE)
    model.fit(training, validation_data=validation.cache(), epochs=10_000, shuffle=False, callbacks=[budget], verbose=0)
    model.set_weights(budget.weights)
    accuracy = model.evaluate(test, verbose=0)[1]
    report = {
        "peer": "keras",
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "precision": args.precision,
        "seed": args.seed,
        "epochs": budget.epochs,
        "validation_accuracy": round(budget.best, 4),
        "accuracy": round(accuracy, 4),
        "seconds": round(since_start.wall_seconds(), 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
