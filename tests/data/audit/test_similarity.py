import numpy as np
import pytest

from eyebright.data.audit.similarity import compare, orientations


def test_the_eight_orientations_are_different_and_the_first_is_unchanged(photo, thumbnail):
    square = thumbnail(photo(0))[None].astype(np.float32)
    eight = list(orientations(square))
    assert len({turned.tobytes() for turned in eight}) == 8
    np.testing.assert_array_equal(eight[0], square)


def test_an_image_has_a_similarity_of_1_with_itself_in_any_orientation_and_little_with_another(photo, thumbnail):
    square, other = (thumbnail(photo(number)) for number in range(2))
    turned = [np.rot90(image, turns) for image in (square, square[:, ::-1]) for turns in range(4)]
    whole, detail = compare(np.stack([*turned, other]), np.array([[0, index] for index in range(9)]))
    assert whole[:8] == pytest.approx(1, abs=1e-5) and detail[:8] == pytest.approx(1, abs=1e-5)
    assert whole[8] < 0.8


def test_similarity_is_the_correlation_of_the_pixels():
    """Images at 8 x 8, enlarged: no other orientation or crop agrees better."""
    random = np.random.default_rng(0)
    base, change = random.normal(size=(2, 8, 8, 3))
    images = np.stack([base, 0.9 * base + 0.3 * change]) * 30 + 128
    enlarged = np.round(images).clip(0, 255).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    whole, _ = compare(enlarged, np.array([[0, 1]]))
    assert whole[0] == pytest.approx(np.corrcoef(enlarged[0].ravel(), enlarged[1].ravel())[0, 1], abs=1e-4)


@pytest.mark.parametrize("sides", [(2, 2, 2, 2), (2, 0, 0, 2), (0, 0, 3, 3)])
@pytest.mark.parametrize("first", [0, 1])
def test_a_light_crop_of_either_image_is_found(photo, sides, first):
    """The crop is of the photograph, in 32nds of its sides: top, bottom, left, right."""
    image = photo(3).resize((256, 256))
    top, bottom, left, right = (8 * side for side in sides)
    pair = [image, image.crop((left, top, 256 - right, 256 - bottom))]
    thumbnails = np.stack([np.asarray(one.resize((32, 32), 2)) for one in (pair[first], pair[1 - first])])
    assert compare(thumbnails, np.array([[0, 1]]))[0][0] > 0.96
    assert np.corrcoef(thumbnails[0].ravel(), thumbnails[1].ravel())[0, 1] < 0.96  # as they are
