"""README.md of a model folder: a model card for people, free to edit."""

from collections.abc import Sequence
from typing import Any

from eyebright.model.card import ModelCard


def readme(card: ModelCard, said: Sequence[str] = ()) -> str:
    """The text: what the model tells apart, how good it is, what was said of its training, how to ask it."""
    width, height, calibration = card.preparation.width, card.preparation.height, card.calibration
    trust = (
        f"Confidences are calibrated with temperature {calibration.temperature:.3f}: on validation the expected "
        f"calibration error went from {calibration.error_before:.3f} to {calibration.error_after:.3f}."
    )
    return "\n".join(
        [
            "# An image classifier made with eyebright",
            "",
            f"It tells {len(card.classes)} classes apart: {', '.join(card.classes)}.",
            "",
            "## How good it is",
            "",
            *[
                line
                for side in ("validation", "test")
                if side in card.metrics
                for line in _metrics(side, card.metrics[side])
            ],
            trust if "validation" in card.metrics else "The network has not been trained.",
            "",
            *[line for text in said for line in (text, "")],
            "## How to ask it",
            "",
            "    eyebright predict THIS_FOLDER photo.jpg",
            "",
            f"`network.onnx` takes RGB pictures of {width}x{height}, uint8, as (N, {height}, {width}, 3), values 0 "
            "to 255, upright, and gives the probabilities of the classes in the order above "
            f'(fit: "{card.preparation.fit}").',
            "",
            "## What it is for, and what not",
            "",
            "Write here where the pictures came from, who may use the model and for what.",
            "",
        ]
    )


def _metrics(side: str, metrics: dict[str, Any]) -> list[str]:
    low, high = metrics["interval"]
    meaning = "chose the best epoch, so this flatters a little" if side == "validation" else "entered no choice"
    return [
        f"- {side}: accuracy {metrics['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}) on "
        f"{metrics['pictures']} pictures; they {meaning}.",
        "",
    ]
