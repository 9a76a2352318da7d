"""How much of its accuracy a predictor keeps on mildly corrupted images."""

import hashlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import seed_of, spread
from eyebright.data.pictures.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from eyebright.data.prepare import Prepared
from eyebright.model.evaluate import Tested
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.system.progress import Report, quiet
from eyebright.training.budget import answers_in
from eyebright.trust.intervals import paired_difference, share_of
from eyebright.trust.robustness import Corrupted, Robustness

MOST = 500
"""Images that are corrupted at most: more would narrow the intervals by little."""
LEAST = 50
"""Images with which a table begins to say something."""
_SHARE = 0.04  # of the time of a training
_BACKBONE, _SMALL = 8, 24  # answers that take as long as six corruptions and their answers: of a published network, and
# of a small CNN at 180 pixels, for which the corruptions take longer than the answers


def measure(
    predictor: Predictor,
    prepared: Prepared,
    tested: Tested,
    *,
    most: int = MOST,
    severities: tuple[int, ...] = SEVERITIES,
    seed: int = 0,
    report: Report = quiet,
) -> Robustness:
    """Predict images with each corruption, and compare with the predictions without.

    Corrupted images are predicted in bfloat16 where that is quicker: 1 to 2% of the predictions are others then, about
    as often better as worse.

    Args:
        predictor: What predicts.
        prepared: The images, labelled with its classes.
        tested: What it predicts for images that it was not trained on, as they are.
        most: How many are taken at most, evenly spread.
        severities: Which severities of each corruption are measured: 1 is milder than 2.
        seed: Decides the noise; what is done to an image depends on it and on the image alone.
        report: Receives the progress.
    """
    rows = spread(np.arange(len(tested.positions)), most)
    chosen, clean = tested.positions[rows], tested.correct[rows]
    kinds = [(corruption, severity) for corruption in CORRUPTIONS for severity in severities]
    right = np.empty((len(kinds), len(chosen)), np.bool_)
    for at in range(0, len(chosen), BATCH_SIZE):
        here = chosen[at : at + BATCH_SIZE]
        pixels, labels = prepared.pack.read(here), prepared.labels[here]
        for number, (corruption, severity) in enumerate(kinds):
            answers = predictor.quick_probabilities(corrupted(pixels, corruption, severity, seed))
            right[number, at : at + len(here)] = answers.argmax(axis=1) == labels
            report("evaluating", at * len(kinds) + (number + 1) * len(here), right.size)
    groups = prepared.groups_at(chosen)
    return Robustness(
        clean=share_of(clean, groups),
        corrupted=tuple(
            Corrupted(
                name=corruption.name,
                severity=severity,
                strength=corruption.strengths[severity - 1],
                unit=corruption.unit,
                accuracy=share_of(found, groups),
                change=paired_difference(found, clean, groups, among=len(kinds)),
            )
            for (corruption, severity), found in zip(kinds, right, strict=True)
        ),
        of=len(tested.positions),
    )


def with_robustness(predictor: Predictor, prepared: Prepared, tested: Tested, **options: Any) -> Tested:
    """What was tested with its robustness; arguments as in `measure`."""
    found = measure(predictor, prepared, tested, **options)
    return tested._replace(evaluation=msgspec.structs.replace(tested.evaluation, robustness=found))


def corrupted(pictures: NDArray[np.uint8], corruption: Corruption, severity: int, seed: int = 0) -> NDArray[np.uint8]:
    """Prepared images `(N, height, width, channels)` with a corruption; a function of each image and the seed."""
    return np.stack([corruption(pixels, severity, _stream(pixels, corruption.name, seed)) for pixels in pictures])


def affordable(images: int, trained: int = 0) -> int:
    """How many images a training may corrupt at its end: what takes about 4% of its time, at most 500.

    Args:
        images: How many images it has.
        trained: On how many images steps were made, counted in each epoch; 0 where only a head was trained.

    Returns:
        The number of images, each with all corruptions of severity 2; 0 where it would be below 50.
    """
    count = int(answers_in(_SHARE, images, trained) / (_SMALL if trained else _BACKBONE))
    return min(count, MOST) if count >= LEAST else 0


def _stream(pixels: NDArray[np.uint8], name: str, seed: int) -> np.random.Generator:
    content = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    return np.random.default_rng(seed_of(f"{name} {seed} {content}"))
