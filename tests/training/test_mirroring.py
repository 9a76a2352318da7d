import numpy as np
import pytest
from sklearn.datasets import load_digits

from eyebright.training.mirroring import check_mirroring, says_side


def small(pictures):
    """Grey pictures 8 x 8, 0 to 16, as small colour pictures."""
    grey = np.kron(pictures * 15, np.ones((4, 4))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return small(found.images), found.target


def test_digits_must_not_be_mirrored(digits):
    pictures, labels = digits
    checked = check_mirroring(pictures[:1000], labels[:1000], pictures[1000:], labels[1000:])
    assert not checked.same and checked.accuracy > 0.85 > 0.6 > checked.mirrored_accuracy


def test_symmetric_images_may_be_mirrored(digits):
    """Each digit laid over its own mirror image: nothing tells left from right."""
    pictures, labels = digits
    both = np.maximum(pictures, pictures[:, :, ::-1])
    checked = check_mirroring(both[:1000], labels[:1000], both[1000:], labels[1000:])
    assert checked.same and checked.accuracy == checked.mirrored_accuracy


def test_images_in_both_orientations_may_be_mirrored(digits):
    pictures, labels = digits
    turned = np.where(np.arange(len(labels))[:, None, None, None] % 2 == 0, pictures, pictures[:, :, ::-1])
    assert check_mirroring(turned[:1000], labels[:1000], turned[1000:], labels[1000:]).same


def test_two_images_are_no_evidence_against_mirroring(digits):
    pictures, labels = digits
    assert check_mirroring(pictures[:30], labels[:30], pictures[30:32], labels[30:32]).same


@pytest.mark.parametrize(
    "name",
    ["greenleft", "turn_left", "LeftArrow", "right-hand", "arrowright", "arrowRight", "RIGHT", "turnleftahead",
     "upRight", "bright right", "Pfeil rechts", "tourner à gauche"],
)  # fmt: skip
def test_a_side_is_found(name):
    assert says_side(name)


@pytest.mark.parametrize(
    "name",
    ["bright", "Bright_Light", "brightness", "very-bright", "veryBright", "upright", "copyright", "alright", "cleft",
     "leftover", "straight", "light"],
)  # fmt: skip
def test_other_words_say_no_side(name):
    assert not says_side(name)
