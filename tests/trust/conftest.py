"""Evidence as plain figures, to change one of them at a time."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from eyebright.trust.evidence import Answers, Course, Evidence
from eyebright.trust.intervals import Share, counted

QUIET = {"flip": 0, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "cutmix": 0.0}


@pytest.fixture(scope="session")
def evidence() -> Callable[..., Evidence]:
    """Evidence of a sound training, with changes by name: of the answers, of the course, or of itself."""

    def make(
        train: tuple[int, int] = (950, 1000), validation: tuple[int, int] = (930, 1000), **changes: Any
    ) -> Evidence:
        answers = Answers(
            num_classes=5, train=counted(*train), surest=counted(250, 250), validation=counted(*validation)
        )
        course = Course(
            loss=(1.0, 0.6, 0.4), validation_loss=(1.0, 0.8, 0.7), seen=(5000, 5000, 5000), pictures=5000,
            epochs=3, step_size=32, peak=2e-3, augmentation=QUIET,
        )  # fmt: skip
        parts = {"answers": answers, "course": course, "leak": None}
        for name, value in changes.items():
            owner = next((part for part in ("answers", "course") if hasattr(parts[part], name)), None)
            if owner is None:
                parts[name] = value
            else:
                parts[owner] = msgspec.structs.replace(parts[owner], **{name: value})
        return Evidence(**parts)

    return make


@pytest.fixture(scope="session")
def share() -> Callable[[int, int], Share]:
    return counted
