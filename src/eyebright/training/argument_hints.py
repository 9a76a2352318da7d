"""What users of Keras, PyTorch and scikit-learn write for a training, and what to write here instead."""

from collections.abc import Iterable

from eyebright.system.errors import SettingsError

HINTS = {
    "augmentation": "write flip=True, rotation=0.1, zoom=0.1; docs/settings.md lists all kinds",
    "bs": "write batch_size=32",
    "class_weight": "write class_weights='balanced', which counts the images of each class itself",
    "criterion": "leave it out: the loss is the cross entropy of the logits, with label_smoothing=0.1",
    "early_stopping": "write patience=10, the number of epochs without improvement; the best epoch is kept in any case",
    "imgsz": "write size=180 in eb.train; a Classifier takes the size of its network's Input",
    "image_size": "write size=180 in eb.train; a Classifier takes the size of its network's Input",
    "initial_epoch": "leave it out: eb.train writes a run, and eyebright train --resume RUN --epochs N continues it",
    "learning_rate_init": "write learning_rate=2e-3",
    "loss": "leave it out: a Classifier trains by cross entropy, with label_smoothing=0.1, a Model by squared error",
    "lr": "write learning_rate=2e-3",
    "max_epochs": "write epochs=15",
    "max_iter": "write epochs=15",
    "metrics": "leave it out: loss and accuracy are always measured, and model.evaluate gives the scores of each class",
    "n_epochs": "write epochs=15",
    "n_iter_no_change": "write patience=10",
    "num_epochs": "write epochs=15",
    "num_workers": "leave it out: images are prepared once, and read ahead by threads",
    "random_state": "write seed=0",
    "sample_weight": "leave it out: where classes are rare, write class_weights='balanced' or sampling='balanced'",
    "shuffle": "leave it out: each epoch has another order, which the seed decides",
    "steps_per_epoch": "leave it out: an epoch is one pass over all training images; write epochs=15 or minutes=5",
    "transform": "write flip=True, rotation=0.1, zoom=0.1; docs/settings.md lists all kinds",
    "transforms": "write flip=True, rotation=0.1, zoom=0.1; docs/settings.md lists all kinds",
    "validation_batch_size": "leave it out: batch_size is used",
    "validation_freq": "leave it out: each epoch is validated",
    "validation_steps": "leave it out: each epoch is validated on all validation images",
    "workers": "leave it out: images are prepared once, and read ahead by threads",
}
"""By the name of an argument there: what to write here."""


def refuse_foreign_arguments(names: Iterable[str]) -> None:
    """Raise a `SettingsError` that shows what to write, where a name is an argument of another library."""
    for name in names:
        if name in HINTS:
            raise SettingsError(f"there is no argument {name!r}: {HINTS[name]}")
