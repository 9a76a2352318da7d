"""Predicting with an exported folder by its own runtime, once it gives the golden answers on this machine."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.model.export.exported import Exported, read_export
from eyebright.model.export.formats import Runner, named_format
from eyebright.model.predictor import Predictor
from eyebright.system import records
from eyebright.system.errors import ModelError
from eyebright.system.records import Record

_ANSWERS = "golden/answers.json"
_EXACT = 1e-3  # with a tolerance of probabilities up to this, answers must be the same


class _Golden(Record, frozen=True, kw_only=True):
    """One image in golden/answers.json."""

    image: str
    prepared: str
    probabilities: dict[str, float]
    unfamiliarity: float | None
    answer: str | None


class _Engine:
    """The runtime of an exported folder, as `Predictor` uses it."""

    def __init__(self, run: Runner) -> None:
        self.answers = run


def open_export(path: Path) -> tuple[Exported, Predictor]:
    """An exported folder and its predictor.

    Raises:
        ModelError: When the folder is damaged, or answers its golden images differently from where it was made.
        MissingExtraError: When the runtime of its format is not installed.
    """
    exported = read_export(path)
    card = exported.card
    run = named_format(card.to).load(exported)
    _require_golden(exported, run)
    return exported, Predictor(_Engine(run), card.classes, card.preparation, promise=card.promise)


def _require_golden(exported: Exported, run: Runner) -> None:
    """Refuse a folder that does not give its golden answers, by the names of the classes."""
    place, card = exported.file(_ANSWERS), exported.card
    golden = records.from_json(place.read_bytes(), list[_Golden], what=str(place), error=ModelError)
    if not golden:
        raise ModelError(f"{place} has no image: export the model again")
    pixels = np.stack([_pixels(exported.file(f"golden/{image.prepared}"), card.preparation.shape) for image in golden])
    try:
        found = run(pixels)
    except Exception as problem:  # the errors of the runtimes have no common base
        raise ModelError(f"{exported.path} does not run: {problem}") from problem
    if found.probabilities.shape != (len(golden), len(card.classes)):
        raise ModelError(f"{exported.path} does not give a probability for each of the classes in export.json")
    for number, image in enumerate(golden):
        if image.probabilities.keys() != {*card.classes}:
            raise ModelError(f"{exported.path}: the golden images have other classes than export.json")
        expected = np.array([image.probabilities[name] for name in card.classes], np.float32)
        off = float(np.abs(found.probabilities[number] - expected).max())
        answer = card.classes[found.answer[number]] if found.answer[number] >= 0 else None
        fault = ""
        if not off <= card.tolerance:
            fault = (
                f"the probabilities of the golden image {image.image} differ by {off:.2g} (allowed: {card.tolerance:g})"
            )
        elif card.tolerance <= _EXACT and answer != image.answer:
            fault = f"the golden image {image.image} has {answer or 'no answer'}, expected {image.answer or 'none'}"
        if fault:
            raise ModelError(
                f"{exported.path} gives other answers than where it was made: {fault}; copy the whole folder again"
            )


def _pixels(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The pixels of a prepared golden image."""
    height, width, channels = shape
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as picture:
            if (picture.size, len(picture.getbands())) != ((width, height), channels):
                raise ModelError(f"{path} has {picture.size} pixels in {picture.mode}, expected {(width, height)}")
            return np.asarray(picture, np.uint8).reshape(shape)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        if isinstance(problem, ModelError):
            raise
        raise ModelError(f"{path} is damaged: {problem}") from problem
