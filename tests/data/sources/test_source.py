import numpy as np
import pytest

from eyebright.data.sources.source import ArraySource


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(5 * 6 * 4, dtype=np.uint8).reshape(5, 6, 4)


def changed(images: np.ndarray) -> np.ndarray:
    other = images.copy()
    other[4, 5, 3] += 1
    return other


def test_arrays_are_numbered_and_opened_by_number(images):
    source = ArraySource(images)
    assert list(source.names) == ["0000000", "0000001", "0000002", "0000003", "0000004"]
    np.testing.assert_array_equal(source.open(3), images[3])


def test_equal_pictures_are_one_identity_however_they_lie_in_memory(images):
    sources = [images, list(images), np.asfortranarray(images), images[::-1].copy()[::-1]]
    assert len({ArraySource(source).identity for source in sources}) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(changed, id="one value"),
        pytest.param(lambda images: images[::-1], id="order"),
        pytest.param(lambda images: images[:4], id="number"),
        pytest.param(lambda images: images.reshape(5, 4, 6), id="shape"),
        pytest.param(lambda images: images.astype(np.int8), id="type"),
    ],
)
def test_other_pictures_are_another_identity(images, other):
    assert ArraySource(images).identity != ArraySource(other(images)).identity


def test_pictures_of_differing_sizes_are_taken():
    source = ArraySource([np.zeros((2, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)])
    assert (len(source.names), source.open(1).shape) == (2, (4, 5, 3))
