"""model.json: what a model is, as a struct.

README.md of a model folder: a model card for people, free to edit.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.system.errors import ModelError
from eyebright.system.records import Record

FORMAT = 1
_MOST_CLASSES = 1_000_000
_KEY_BYTES = 8


class Calibration(Record, frozen=True, kw_only=True):
    """The temperature in the ONNX graph, and the expected calibration error on validation without and with it."""

    temperature: float
    error_before: float
    error_after: float


class Provenance(Record, frozen=True, kw_only=True):
    """Where a model comes from: seed, versions of what made it, settings of its training."""

    seed: int
    versions: dict[str, str]
    settings: dict[str, Any]


class Seen(Record, frozen=True, kw_only=True):
    """Pictures that a model has learned from or was chosen by: the first 8 bytes of each digest, in base64.

    They tell a picture that was seen from one that was not; no picture can be made from them.
    """

    digests: str = ""

    def and_of(self, digests: Iterable[bytes]) -> "Seen":
        """The record of these pictures, too."""
        more = np.fromiter((int.from_bytes(digest[:_KEY_BYTES], "big") for digest in digests), np.uint64)
        keys = np.union1d(self._keys().byteswap(), more)  # in the order of their bytes
        return Seen(digests=base64.b64encode(keys.astype(">u8").tobytes()).decode())

    def among(self, digests: Iterable[bytes]) -> NDArray[np.bool_]:
        """For each picture whether it was seen, `(N,)`."""
        asked = np.fromiter((int.from_bytes(digest[:_KEY_BYTES], "little") for digest in digests), np.uint64)
        return np.isin(asked, self._keys())

    def _keys(self) -> NDArray[np.uint64]:
        try:
            return np.frombuffer(base64.b64decode(self.digests, validate=True), "<u8")
        except ValueError as problem:
            raise ModelError(f"the digests of the pictures that were seen are damaged: {problem}") from problem


class ModelCard(Record, frozen=True, kw_only=True):
    """The content of model.json.

    Args:
        format: Version of the model folder.
        classes: Names of the classes, in the order of the outputs.
        network: The network, as data.
        preparation: How pictures are prepared.
        calibration: The temperature and what it did.
        metrics: How good it was, by side: "validation" on the pictures that chose it, "test" on those that chose
        nothing. seen: Pictures that it has learned from or was chosen by.
        provenance: Where it comes from.
        sha256: Digests of the other files, by name.
    """

    format: int = FORMAT
    classes: tuple[str, ...]
    network: dict[str, Any]
    preparation: Preparation
    calibration: Calibration
    metrics: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    seen: Seen = Seen()
    provenance: Provenance
    sha256: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= _MOST_CLASSES:
            raise ModelError(f"a model tells 2 to {_MOST_CLASSES:,} classes, got {len(self.classes)}")
        if len(set(self.classes)) != len(self.classes):
            raise ModelError("two classes have one name")
        if not 0 < self.calibration.temperature < 1_000:
            raise ModelError(f"the temperature must be above 0, got {self.calibration.temperature}")


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
