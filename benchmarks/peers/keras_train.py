"""Train the notes' flower network with Keras and time every epoch.

    python keras_train.py PICTURES --precision float32 --augment notes --epochs 15
    python keras_train.py PICTURES --epochs 3 --steps-per-epoch 20      (a rate in a minute, no validation)

Prints one line of JSON; `epochs` has one entry per epoch. `wall_seconds`, `cpu_seconds` and the rate cover its training
steps, from the first to the last. `waiting_wall_seconds` is the time around them, in which Keras replaces the epoch's
iterator and may sleep, from nothing to half a minute at random (never with tf.data's autotuning off, as far as seen).
`validation_wall_seconds` is apart. `seconds_since_start` runs from before TensorFlow is imported to the end of the
epoch and includes all of it. The first epoch also decodes the pictures and builds the graph: read rates from the later
ones, and look at the CPU seconds beside them.

Expect about 84 pictures per second in float32 on two cores with AVX2, 72 with augmentation, and 15 with mixed_bfloat16,
which such a processor has to emulate. By itself TensorFlow turns oneDNN on only for processors made for neural networks
(AVX-512 VNNI and later). With TF_ENABLE_ONEDNN_OPTS=1 in the environment float32 reaches 168, and 130 with
augmentation: a fair comparison on such a processor sets it.
"""

import argparse
import json
import os
from pathlib import Path

from stopwatch import Stopwatch

since_start = Stopwatch()  # TensorFlow's import is part of what a user waits for

import keras_pictures  # noqa: E402
from flowers_network import flowers_network  # noqa: E402
from quiet_keras import keras, tf  # noqa: E402


class EpochTimes(keras.callbacks.Callback):
    """Collects one entry per epoch: its training steps, its validation, and the waiting around the steps."""

    def __init__(self, pictures_per_epoch: int) -> None:
        super().__init__()
        self.entries: list[dict[str, object]] = []
        self._pictures_per_epoch = pictures_per_epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch, self._validation = Stopwatch(), None

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch == 0:
            self._training = Stopwatch()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._steps = self._training.rates(self._pictures_per_epoch)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._validation = Stopwatch()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        validation = self._validation.wall_seconds() if self._validation else 0.0
        waiting = self._epoch.wall_seconds() - self._steps["wall_seconds"] - validation
        self.entries.append(
            {
                "epoch": epoch + 1,
                **self._steps,
                "waiting_wall_seconds": round(waiting, 4),
                "validation_wall_seconds": validation,
                "training_accuracy": round(logs["accuracy"], 4),
                "validation_accuracy": round(logs["val_accuracy"], 4) if self._validation else None,
                "seconds_since_start": since_start.wall_seconds(),
            }
        )


def main() -> None:
    """Train as the command line says and print the measurements."""
    parser = argparse.ArgumentParser(description="Time the notes' flower network in Keras.")
    parser.add_argument("pictures", type=Path, help="a folder with one folder of pictures per class")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--augment", choices=("none", "notes"), default="none")
    parser.add_argument("--size", type=int, default=180, help="height and width in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--steps-per-epoch", type=int, help="train on so many batches only, and do not validate")
    parser.add_argument("--seed", type=int, default=0, help="initial weights, order of batches, augmentation")
    parser.add_argument("--split-csv", type=Path, help="name,class,split of the pictures to use, instead of a fifth")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    shape = {"size_px": args.size, "batch_size": args.batch_size}
    if args.split_csv:
        pictures = keras_pictures.from_split(args.pictures, args.split_csv, **shape)
    else:
        pictures = keras_pictures.from_folder(args.pictures, **shape)
    training, validation = pictures.training, pictures.validation.cache().prefetch(tf.data.AUTOTUNE)
    pictures_per_epoch = pictures.num_training
    if args.steps_per_epoch:
        training, validation = training.take(args.steps_per_epoch), None
        pictures_per_epoch = min(pictures_per_epoch, args.steps_per_epoch * args.batch_size)
    training = training.cache().shuffle(1000).prefetch(tf.data.AUTOTUNE)

    network = flowers_network(size_px=args.size, num_classes=pictures.num_classes, augment=args.augment == "notes")
    times = EpochTimes(pictures_per_epoch)
    fit = Stopwatch()
    network.fit(training, validation_data=validation, epochs=args.epochs, shuffle=False, callbacks=[times], verbose=0)
    report = {
        "peer": "keras",
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "precision": args.precision,
        "augment": args.augment,
        "size": args.size,
        "batch_size": args.batch_size,
        "seed": args.seed,
        "epochs": times.entries,
        "total_wall_seconds": fit.wall_seconds(),
        "process_wall_seconds": since_start.wall_seconds(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
