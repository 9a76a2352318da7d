import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from eyebright.data.audit.registration import find_shots, register

Box = tuple[float, float, float, float]
WHOLE: Box = (0, 0, 150, 150)


def cropped(number: int, box: Box) -> NDArray[np.float32]:
    """A part of a photograph of 200 x 150 at 32 x 32: large patches of colour, with less detail than noise has."""
    random = np.random.default_rng(number)
    layers = [gaussian_filter(random.normal(size=(150, 200, 3)), (s, s, 0)) * s * 60 for s in (8, 20, 40)]
    photo = Image.fromarray(np.clip(sum(layers) + 128, 0, 255).astype(np.uint8))
    return np.asarray(photo.resize((32, 32), Image.Resampling.BOX, box=box), np.float32)


@pytest.mark.parametrize(
    "box",
    [
        WHOLE,
        (12, 0, 162, 150),  # shifted across by 2.6 pixels
        (10, 8, 152, 150),  # a smaller part
        (0, 12, 150, 138),  # stretched
    ],
)
def test_a_shot_in_another_crop_agrees_once_it_is_registered_in_any_light(box: Box) -> None:
    one, other = cropped(1, WHOLE), 0.7 * cropped(1, box) + (20, 35, 10)
    whole, detail = register(one[None], other[None])
    assert whole[0] > 0.97 and detail[0] > 0.9


def test_other_shots_do_not_agree_in_whole_and_detail() -> None:
    ones = np.stack([cropped(number, WHOLE) for number in range(20)])
    whole, detail = register(ones, np.roll(ones, 1, axis=0))
    assert ((whole < 0.93) | (detail < 0.85)).all()
    assert register(ones[:0], ones[:0])[0].shape == (0,)


def test_shots_are_found_among_others_turned_and_recoloured() -> None:
    images = [cropped(number, WHOLE) for number in range(30)]
    images.append(0.8 * cropped(4, (12, 6, 155, 149)) + (10, 0, 25))
    images.append(1.1 * cropped(9, (8, 0, 158, 150))[:, ::-1] - (20, 8, 0))
    pairs, agreement = find_shots(np.clip(images, 0, 255).astype(np.uint8))
    assert pairs.tolist() == [[4, 30], [9, 31]] and (agreement > 0.95).all()


def test_frames_that_all_agree_with_each_other_are_no_near_duplicates() -> None:
    """A film that moves by 0.6 pixels a frame: each frame agrees with five others nearly as well as with the next."""
    film = np.stack([cropped(5, (3 * at, 0, 150 + 3 * at, 150)) for at in range(9)])
    light = np.random.default_rng(0).normal(0, 5, film.shape)
    assert not len(find_shots(np.clip(film + light, 0, 255).astype(np.uint8))[0])


def test_images_that_show_nothing_are_not_compared() -> None:
    noise = np.random.default_rng(0).normal(128, 2, (8, 8, 3)).repeat(4, axis=0).repeat(4, axis=1)
    assert not len(find_shots(np.stack([noise, noise + 1] * 4).astype(np.uint8))[0])
