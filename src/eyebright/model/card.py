"""model.json: what a model is, as a struct."""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.codec import Record
from eyebright.errors import ModelError
from eyebright.pictures import Preparation

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
