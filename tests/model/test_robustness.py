"""Robustness of a predictor that decides by brightness alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from eyebright.data.pictures.corruptions import CORRUPTIONS
from eyebright.model.robustness import LEAST, MOST, affordable, corrupted, measure
from eyebright.trust.intervals import paired_difference, wilson_interval

PIXELS = np.random.default_rng(3).integers(90, 150, (90, 1, 1, 3)) + np.random.default_rng(4).integers(
    -60, 60, (90, 16, 16, 3)
)
PIXELS = np.clip(PIXELS, 0, 255).astype(np.uint8)
LABELS = (PIXELS.mean(axis=(1, 2, 3)) > 120).astype(np.int64)


class ByBrightness:
    """Dark images are of class 0."""

    def quick_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        light = (images.mean(axis=(1, 2, 3)) > 120).astype(int)
        return np.eye(2, dtype=np.float32)[light]


def answered(positions: NDArray[np.int64], wrong: int = 0) -> SimpleNamespace:
    """Images of which the first ones are predicted wrongly without a corruption."""
    return SimpleNamespace(positions=positions, correct=np.arange(len(positions)) >= wrong)


def prepared(groups: NDArray[np.int64] | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        pack=SimpleNamespace(read=lambda indices: PIXELS[indices]),
        labels=LABELS,
        groups_at=lambda indices: None if groups is None else groups[indices],
    )


@pytest.mark.parametrize("groups", [None, np.arange(90) // 3])
def test_each_accuracy_is_that_of_a_plain_loop_over_corrupted_images(groups) -> None:
    positions = np.random.default_rng(5).permutation(90)[:70]
    found = measure(ByBrightness(), prepared(groups), answered(positions, wrong=7))
    assert (found.of, found.clean.of, found.clean.value) == (70, 70, 0.9)
    assert [(one.name, one.severity) for one in found.corrupted] == [
        (corruption.name, severity) for corruption in CORRUPTIONS for severity in (1, 2)
    ]
    for one, corruption in zip(found.corrupted, [each for each in CORRUPTIONS for _ in range(2)], strict=True):
        right = np.array(
            [
                (corrupted(PIXELS[[at]], corruption, one.severity).mean() > 120) == bool(LABELS[at])
                for at in positions.tolist()
            ]
        )
        assert one.strength == corruption.strengths[one.severity - 1]
        assert one.accuracy.right == right.sum()
        if groups is None:
            assert (one.accuracy.low, one.accuracy.high) == wilson_interval(int(right.sum()), 70)
        here = None if groups is None else groups[positions]
        assert one.change == paired_difference(right, np.arange(70) >= 7, here, among=12)
    lost = {one.name: one.change.value for one in found.corrupted}
    assert lost["brightness"] < -0.2 and "brightness" in found.harmful  # the only one that a mean can see
    assert found.harmful[0] == "brightness" and "JPEG" not in found.harmful


def test_what_is_done_to_an_image_depends_on_the_seed_and_the_image_alone() -> None:
    for corruption in CORRUPTIONS:
        together, backwards = corrupted(PIXELS[:5], corruption, 2), corrupted(PIXELS[4::-1], corruption, 2)
        assert np.array_equal(together, backwards[::-1])
    noise = CORRUPTIONS[1]
    assert not np.array_equal(corrupted(PIXELS[:2], noise, 1, seed=1), corrupted(PIXELS[:2], noise, 1))


def test_so_many_images_are_taken_at_most_and_progress_ends_at_all_of_them() -> None:
    shown: list[tuple[int, int | None]] = []
    found = measure(
        ByBrightness(), prepared(), answered(np.arange(90)), most=40, severities=(2,),
        report=lambda stage, done, of: shown.append((done, of)),
    )  # fmt: skip
    assert (found.of, found.clean.of, len(found.corrupted)) == (90, 30, 6)  # every third image
    assert shown[-1] == (30 * 6, 30 * 6) and [done for done, _ in shown] == sorted(done for done, _ in shown)


@pytest.mark.parametrize(
    ("images", "trained", "expected"),
    [
        (4_317, 0, 53),  # of a head: 4% of 2.5 answers for each image are 431, with 8 for each that is corrupted
        (4_000, 0, 50),
        (3_900, 0, 0),  # fewer would say nothing
        (4_317, 15 * 3_000, 242),  # a step takes as long as three answers; 24 for each, by a network from scratch
        (4_317, 15 * 9_000, MOST),
        (0, 0, 0),
    ],
)
def test_a_training_corrupts_as_many_images_as_take_4_percent_of_its_time(images, trained, expected) -> None:
    assert affordable(images, trained) == expected
    assert expected == 0 or LEAST <= expected <= MOST
