"""How much of its accuracy a predictor keeps on mildly corrupted images."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from eyebright.data.batches import seed_of, spread
from eyebright.data.pictures.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from eyebright.data.prepare import Prepared
from eyebright.model.predictor import BATCH_SIZE, Predictor
from eyebright.system.progress import Report, quiet
from eyebright.trust.intervals import paired_difference, share_of
from eyebright.trust.robustness import Corrupted, Robustness

MOST = 500
"""Images that are corrupted at most: more would narrow the intervals by little."""
LEAST = 50
"""Images with which a table begins to say something."""
_SHARE = 0.04  # of the time of a training
_TRAINED = 3  # answers that take as long as a step (forwards, backwards, weights)
_CORRUPTED = 24  # answers that take as long as six corruptions and seven answers, for a small CNN at 180 pixels


def measure(
    predictor: Predictor,
    prepared: Prepared,
    positions: NDArray[np.int64],
    *,
    most: int = MOST,
    severities: tuple[int, ...] = SEVERITIES,
    seed: int = 0,
    report: Report = quiet,
) -> Robustness:
    """Predict images as they are and with each corruption.

    Args:
        predictor: What predicts.
        prepared: The images, labelled with its classes.
        positions: Those to take, at least one, that the predictor was not trained on.
        most: How many are taken at most, evenly spread.
        severities: Which severities of each corruption are measured: 1 is milder than 2.
        seed: Decides the noise; what is done to an image depends on it and on the image alone.
        report: Receives the progress.
    """
    chosen = spread(positions, most)
    kinds = [(corruption, severity) for corruption in CORRUPTIONS for severity in severities]
    right = np.empty((len(kinds) + 1, len(chosen)), np.bool_)
    for at in range(0, len(chosen), BATCH_SIZE):
        here = chosen[at : at + BATCH_SIZE]
        pixels, labels = prepared.pack.read(here), prepared.labels[here]
        batches = (pixels, *(corrupted(pixels, corruption, severity, seed) for corruption, severity in kinds))
        for number, batch in enumerate(batches):
            right[number, at : at + len(here)] = predictor.probabilities(batch).argmax(axis=1) == labels
            report("evaluating", at * len(right) + (number + 1) * len(here), right.size)
    clean, groups = right[0], prepared.groups_at(chosen)
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
            for (corruption, severity), found in zip(kinds, right[1:], strict=True)
        ),
        of=len(positions),
    )


def corrupted(pictures: NDArray[np.uint8], corruption: Corruption, severity: int, seed: int = 0) -> NDArray[np.uint8]:
    """Prepared images `(N, height, width, channels)` with a corruption; a function of each image and the seed."""
    return np.stack([corruption(pixels, severity, _stream(pixels, corruption.name, seed)) for pixels in pictures])


def affordable(passes: int, trained: int = 0) -> int:
    """How many images a training may corrupt at its end: what takes about 4% of its time, at most 500.

    Args:
        passes: For how many images features were computed.
        trained: On how many images steps were made, counted in each epoch.

    Returns:
        The number of images, each with all corruptions of severity 2; 0 where it would be below 50.
    """
    count = int(_SHARE * (passes + _TRAINED * trained) / _CORRUPTED)
    return min(count, MOST) if count >= LEAST else 0


def _stream(pixels: NDArray[np.uint8], name: str, seed: int) -> np.random.Generator:
    content = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
    return np.random.default_rng(seed_of(f"{name} {seed} {content}"))
