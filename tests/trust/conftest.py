"""Evidence as plain figures, to change one of them at a time."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from eyebright.trust.evidence import Accuracies, Evidence, TrainingRecord
from eyebright.trust.intervals import Share

QUIET = {"flip": 0, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "cutmix": 0.0}


@pytest.fixture(scope="session")
def evidence() -> Callable[..., Evidence]:
    """Evidence of a training without problems; changes by name go to its accuracies, its training or itself."""

    def make(
        train: tuple[int, int] = (950, 1000), validation: tuple[int, int] = (930, 1000), **changes: Any
    ) -> Evidence:
        count = Share.from_counts
        accuracies = Accuracies(
            num_classes=5, train=count(*train), most_confident=count(250, 250), validation=count(*validation)
        )
        training = TrainingRecord(
            loss=(1.0, 0.6, 0.4), validation_loss=(0.9, 0.7, 0.72), seen=(5000, 5000, 5000), images=5000,
            epochs=3, step_size=32, peak=2e-3, augmentation=QUIET,
        )  # fmt: skip
        parts = {"accuracies": accuracies, "training": training, "leak": None}
        for name, value in changes.items():
            owner = next((part for part in ("accuracies", "training") if hasattr(parts[part], name)), None)
            if owner is None:
                parts[name] = value
            else:
                parts[owner] = msgspec.structs.replace(parts[owner], **{name: value})
        return Evidence(**parts)

    return make


@pytest.fixture(scope="session")
def share() -> Callable[[int, int], Share]:
    return Share.from_counts
