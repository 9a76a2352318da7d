"""The description of a model: model.json as a struct, for programs, and the text of README.md, for people."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.model.card_file import require_class_names
from eyebright.network import Network
from eyebright.system.errors import ModelError
from eyebright.system.records import Record
from eyebright.system.text import counted, interval, listed, markdown, percent, printable, shorten
from eyebright.trust.promise import Promised

FORMAT = 2
_MOST_CLASSES = 1_000_000
_KEY_BYTES = 8
_CLASSES_SHOWN, _CLASSES_WIDTH = 8, 60  # in a table
_USE, _PROMISE = "## How to use it", "Promise "  # where a promise stands in README.md, and how it begins


class Calibration(Record, frozen=True, kw_only=True):
    """The temperature of the softmax, and the expected calibration error on the validation set without and with it."""

    temperature: float
    error_before: float
    error_after: float


class Provenance(Record, frozen=True, kw_only=True):
    """How a model was made: the seed, the versions of the packages, and the settings of the training.

    A model that another program has trained has been `imported` from a file.
    """

    seed: int
    versions: dict[str, str]
    settings: dict[str, Any]
    imported: str = ""


class Seen(Record, frozen=True, kw_only=True):
    """The images of the training and validation sets: the first 8 bytes of the digest of each, in base64.

    They show whether an image was used in the training. An image cannot be restored from its digest.
    """

    digests: str = ""

    def union(self, digests: Iterable[bytes]) -> "Seen":
        """These images together with others, given by their digests."""
        more = np.fromiter((int.from_bytes(digest[:_KEY_BYTES], "big") for digest in digests), np.uint64)
        keys = np.union1d(self._keys().byteswap(), more)  # ordered by their bytes, for a file that is always the same
        return Seen(digests=base64.b64encode(keys.astype(">u8").tobytes()).decode())

    def contains(self, digests: Iterable[bytes]) -> NDArray[np.bool_]:
        """Whether each image was used in the training, `(N,)`; images are given by their digests."""
        asked = np.fromiter((int.from_bytes(digest[:_KEY_BYTES], "little") for digest in digests), np.uint64)
        return np.isin(asked, self._keys())

    def _keys(self) -> NDArray[np.uint64]:
        try:
            return np.frombuffer(base64.b64decode(self.digests, validate=True), "<u8")
        except ValueError as problem:
            raise ModelError(f"the digests of the training images are damaged: {problem}") from problem


class ModelCard(Record, frozen=True, kw_only=True):
    """The content of model.json.

    Args:
        format: Version of the model folder.
        classes: Names of the classes, in the order of the outputs.
        network: The network, as data.
        preparation: Size and resizing of the images.
        calibration: The temperature and its effect.
        metrics: The evaluations, as data: "validation" and, if there was one, "test".
        seen: The images of the training and validation sets.
        promise: What the answers keep, where something is promised.
        provenance: How the model was made.
        sha256: SHA-256 of the other files, by name; of model.json, that of its content.
    """

    format: int = FORMAT
    classes: tuple[str, ...]
    network: dict[str, Any]
    preparation: Preparation
    calibration: Calibration
    metrics: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it
    seen: Seen = Seen()
    promise: Promised | None = None
    provenance: Provenance
    sha256: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it

    @property
    def thresholds(self) -> NDArray[np.float32] | None:
        """The probability that each class needs to be the answer, `(classes,)`; None if any will do."""
        return None if self.promise is None else self.promise.thresholds

    def __post_init__(self) -> None:
        require_class_names(self.classes, least=2, most=_MOST_CLASSES)
        if not 0 < self.calibration.temperature < 1_000:
            raise ModelError(f"the temperature must be above 0 and below 1,000, got {self.calibration.temperature}")
        limits = len(self.classes) if self.thresholds is not None else 1
        if self.promise is not None and len(self.promise.limits) != limits:
            raise ModelError(f"expected {limits} limits of {self.promise.promise}, got {len(self.promise.limits)}")


def readme(card: ModelCard, verdicts: Sequence[str] = ()) -> str:
    """The text of README.md: the classes, the accuracy, what the training showed, and how to use the model.

    Args:
        card: The description of the model.
        verdicts: Sentences about the training.
    """
    (height, width, channels), calibration = card.preparation.shape, card.calibration
    evaluated = [_accuracy(name, card.metrics[name]) for name in ("test", "validation") if name in card.metrics]
    calibrated = (
        f"The confidences are calibrated with temperature {calibration.temperature:.3f}: the expected calibration "
        f"error on the validation set went from {calibration.error_before:.3f} to {calibration.error_after:.3f}."
    )
    paragraphs = [
        "# An image classifier made with eyebright",
        f"It distinguishes {len(card.classes):,} classes: {', '.join(map(markdown, card.classes))}.",
        "## How good it is",
        *evaluated,
        calibrated if "validation" in card.metrics else _unmeasured(card.provenance),
        *map(markdown, verdicts),
        _USE,
        "    eyebright predict THIS_FOLDER photo.jpg",
        f"`network.onnx` takes upright {'RGB' if channels == 3 else 'grey'} images of {width}x{height} pixels, uint8, "
        f"(N, {height}, {width}, {channels}), values 0 to 255, and gives the probabilities of the classes in the order "
        f'above. Images of another size are first resized with "{card.preparation.fit}".',
        "## Intended use",
        "Describe here where the images came from, who may use the model, and for what.",
    ]
    return with_promise("\n\n".join(paragraphs) + "\n", card)


def _unmeasured(provenance: Provenance) -> str:
    if not provenance.imported:
        return "The network is not trained."
    return (
        f"The network was imported from {markdown(provenance.imported)}. How good it is was not measured: "
        "`eyebright evaluate THIS_FOLDER PICTURES` does that."
    )


def with_promise(text: str, card: ModelCard) -> str:
    """A README.md that says what the model promises, in place of what it has promised before."""
    paragraphs = [part for part in text.rstrip("\n").split("\n\n") if not part.startswith(_PROMISE)]
    if card.promise is not None:
        place = paragraphs.index(_USE) if _USE in paragraphs else len(paragraphs)
        paragraphs.insert(place, markdown(card.promise.text))
    return "\n\n".join(paragraphs) + "\n"


def _accuracy(name: str, metrics: dict[str, Any]) -> str:
    images = {"test": "held-out image", "validation": "validation image"}[name]
    note = "" if name == "test" else "; may be slightly too high, because the best epoch was chosen on these images"
    absent = listed([markdown(score["name"]) for score in metrics["classes"] if not score["pictures"]])
    return (
        f"- {name}: accuracy {percent(metrics['accuracy'])} ({interval(*metrics['interval'])}) on "
        f"{counted(metrics['pictures'], images)}{note}.{f' No images of {absent}.' if absent else ''}"
    )


def classes_row(classes: Sequence[str]) -> tuple[str, str]:
    """The row of a table that names the classes of a model."""
    return "classes", shorten(printable(listed(classes, _CLASSES_SHOWN)), _CLASSES_WIDTH)


def network_row(network: Network) -> tuple[str, str]:
    """The row of a table that gives the size of a model's network."""
    return "network", f"{counted(len(network.places), 'layer')}, {network.parameter_count:,} parameters"


def images_row(preparation: Preparation) -> tuple[str, str]:
    """The row of a table that says how images are prepared for a model."""
    return "images", f"{preparation.width}x{preparation.height} pixels, resize {preparation.fit}"
