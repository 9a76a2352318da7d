"""Training and validation pictures as tf.data pipelines, the notes' way; nothing to run here."""

import csv
from pathlib import Path
from typing import NamedTuple

from quiet_keras import keras, tf


class Pictures(NamedTuple):
    """Batches of (images float32 (N, size, size, 3) in 0-255, labels int32 (N,)), neither cached nor repeated."""

    training: tf.data.Dataset
    validation: tf.data.Dataset
    num_training: int
    num_classes: int


def from_folder(folder: Path, *, size_px: int, batch_size: int) -> Pictures:
    """Read a folder per class, a fifth held back for validation, exactly as the notes split it."""
    training, validation = keras.utils.image_dataset_from_directory(
        folder,
        validation_split=0.2,
        subset="both",
        seed=123,
        image_size=(size_px, size_px),
        batch_size=batch_size,
        verbose=False,
    )
    return Pictures(training, validation, len(training.file_paths), len(training.class_names))


def from_split(folder: Path, split_csv: Path, *, size_px: int, batch_size: int) -> Pictures:
    """Read the pictures that a CSV names, to the very same values as `image_dataset_from_directory`.

    Args:
        folder: what the names in the CSV are relative to.
        split_csv: columns `name`, `class` and `split` (train, validation or test); labels follow the sorted classes.
        size_px: height and width the pictures are stretched to.
        batch_size: pictures per batch; the last batch may be smaller.
    """
    with split_csv.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["class"] for row in rows})

    def load(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        image = tf.image.resize(image, (size_px, size_px))
        return tf.ensure_shape(image, (size_px, size_px, 3)), label

    def batches(split: str, *, shuffle: bool) -> tuple[tf.data.Dataset, int]:
        chosen = [row for row in rows if row["split"] == split]
        paths = [str(folder / row["name"]) for row in chosen]
        labels = tf.constant([classes.index(row["class"]) for row in chosen], tf.int32)
        samples = tf.data.Dataset.from_tensor_slices((paths, labels))
        if shuffle:
            samples = samples.shuffle(len(chosen), seed=123)
        samples = samples.map(load, num_parallel_calls=tf.data.AUTOTUNE)
        return samples.batch(batch_size).prefetch(tf.data.AUTOTUNE), len(chosen)

    training, num_training = batches("train", shuffle=True)
    validation, _ = batches("validation", shuffle=False)
    return Pictures(training, validation, num_training, len(classes))
