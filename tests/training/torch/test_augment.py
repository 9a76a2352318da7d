import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy import ndimage, stats

from eyebright.training.settings import Settings
from eyebright.training.torch.augment import _mirrored_at_edges, augment, erase, recolour, rectangles, uniforms

NOTHING = {"flip": False, "rotation": 0.0, "zoom": 0.0}


def settings(**changes) -> Settings:
    return Settings(**(NOTHING | changes))


def pictures(count: int, height: int = 12, width: int = 20) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (count, 3, height, width)).astype(np.float32))


def keys(count: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 2**64, count, np.uint64)


def test_without_augmentation_nothing_changes():
    batch = pictures(4)
    assert augment(batch, keys(4), settings(), 1) is batch


def test_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others():
    batch = pictures(200)
    result = augment(batch, keys(200), settings(flip=True), 1)
    mirrored = torch.isclose(result, batch.flip(3), atol=1e-2).flatten(1).all(dim=1)
    kept = torch.isclose(result, batch, atol=1e-2).flatten(1).all(dim=1)
    assert (mirrored ^ kept).all()
    assert 70 < int(mirrored.sum()) < 130


def test_rotation_is_that_of_scipy_inside_the_frame():
    height, width = 41, 61
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).uniform(0, 255, (height, width)), 4).astype(np.float32)
    batch = torch.from_numpy(np.broadcast_to(smooth, (1, 3, height, width)).copy())
    key, changes = keys(1), settings(rotation=0.25)
    angle = (2 * uniforms(key, changes.seed, 5, 3)[0, 1] - 1) * 0.25 * 360
    result = augment(batch, key, changes, 5)[0, 0].numpy()
    expected = [ndimage.rotate(smooth, sign * angle, reshape=False, order=1) for sign in (1, -1)]
    yy, xx = np.mgrid[:height, :width]
    inside = np.hypot(yy - height // 2, xx - width // 2) < height / 2 - 4
    assert min(np.abs(result - turned)[inside].max() for turned in expected) < 0.5


def test_zoom_keeps_the_centre_and_proportions():
    batch = torch.zeros(1, 1, 51, 51)
    batch[0, 0, 15:36, 15:36] = 200.0
    for epoch in range(8):
        key, changes = keys(1), settings(zoom=0.3)
        scale = 1 + (2 * uniforms(key, changes.seed, epoch, 3)[0, 2] - 1) * 0.3
        result = augment(batch, key, changes, epoch)[0, 0]
        assert math.sqrt(float(result.sum() / 200)) == pytest.approx(21 / scale, abs=0.3)
        assert torch.allclose(result, result.T, atol=1e-2)


def test_the_augmentation_of_an_image_does_not_depend_on_its_batch():
    batch, names, changes = pictures(6), keys(6), Settings()
    whole = augment(batch, names, changes, 2)
    alone = torch.cat([augment(batch[i : i + 1], names[i : i + 1], changes, 2) for i in (5, 0, 3)])
    assert torch.equal(whole[[5, 0, 3]], alone)


def test_another_epoch_and_another_seed_give_other_changes():
    batch, names = pictures(4), keys(4)
    first = augment(batch, names, Settings(seed=1), 1)
    assert not torch.equal(first, augment(batch, names, Settings(seed=1), 2))
    assert not torch.equal(first, augment(batch, names, Settings(seed=2), 1))
    assert torch.equal(first, augment(batch, names, Settings(seed=1), 1))


def test_values_stay_in_range_and_no_corner_is_black():
    bright = torch.full((16, 3, 20, 20), 250.0)
    result = augment(bright, keys(16), Settings(rotation=0.5, zoom=0.5), 1)
    assert torch.allclose(result, bright, atol=1e-2)


@given(st.lists(st.floats(-20, 20), min_size=1))
def test_what_lies_outside_is_mirrored_at_the_edges_as_a_triangle_wave(places):
    wave = [abs((place - 1) % 4 - 2) - 1 for place in places]
    found = _mirrored_at_edges(torch.tensor(places, dtype=torch.float64), max(map(abs, places)))
    assert found.numpy() == pytest.approx(wave, abs=1e-12)


def test_draws_are_uniform_and_independent_between_columns_and_neighbouring_keys():
    draws = uniforms(np.arange(20_000, dtype=np.uint64), 0, 1, 3)
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6), st.integers(1, 10**4))
def test_draws_lie_between_zero_and_one(key, seed, epoch):
    draws = uniforms(np.array([key], np.uint64), seed, epoch, 3)
    assert ((draws >= 0) & (draws < 1)).all()


def test_shift_moves_by_a_share_of_the_frame():
    batch = torch.zeros(1, 1, 40, 60)
    batch[0, 0, 15:25, 20:40] = 200.0
    for epoch in range(6):
        key, changes = keys(1), settings(shift=0.1)
        across, down = ((2 * uniforms(key, changes.seed, epoch, 6)[0, 4:] - 1) * 0.1) * (60, 40)
        result = augment(batch, key, changes, epoch)[0, 0].numpy()
        middle = ndimage.center_of_mass(result)
        assert middle == pytest.approx((19.5 - down, 29.5 - across), abs=0.05)


def test_shear_leans_and_keeps_area_and_centre():
    batch = torch.zeros(1, 1, 61, 61)
    batch[0, 0, 20:41, 20:41] = 200.0
    key, changes = keys(1), settings(shear=0.6)
    lean = (2 * uniforms(key, changes.seed, 2, 6)[0, 3] - 1) * 0.6
    result = augment(batch, key, changes, 2)[0, 0].numpy()
    assert result.sum() == pytest.approx(200 * 21 * 21, rel=0.02)
    columns = [np.average(np.arange(61), weights=row) for row in result[22:39]]
    assert np.polyfit(np.arange(17), columns, 1)[0] == pytest.approx(-lean, abs=0.02)


def test_colour_and_erasing_are_part_of_augmentation():
    batch = pictures(30)
    assert not torch.equal(augment(batch, keys(30), settings(hue=0.3), 1), batch)
    assert not torch.equal(augment(batch, keys(30), settings(erasing=1.0), 1), batch)


KEYS = np.arange(1, 7, dtype=np.uint64)
PLAIN = {"flip": False, "rotation": 0.0, "zoom": 0.0}


def pictures_colours(low: int = 60, high: int = 160) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (6, 9, 11, 3), np.uint8)


def changed(batch: np.ndarray, **changes: float) -> np.ndarray:
    tensor = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
    return recolour(tensor, KEYS, Settings(**PLAIN, **changes), 3).permute(0, 2, 3, 1).numpy()


def factors(column: int, share: float) -> np.ndarray:
    return 1 + (2 * uniforms(KEYS, 0, 3, 4, what="recolour")[:, column] - 1) * share


@pytest.mark.parametrize(
    ("name", "column", "enhance"),
    [("brightness", 0, ImageEnhance.Brightness), ("contrast", 1, ImageEnhance.Contrast),
     ("saturation", 2, ImageEnhance.Color)],
)  # fmt: skip
def test_light_and_colour_change_as_pillow_changes_them(name, column, enhance):
    batch = pictures_colours()
    found = changed(batch, **{name: 0.4})
    for picture, result, factor in zip(batch, found, factors(column, 0.4), strict=True):
        expected = np.asarray(enhance(Image.fromarray(picture)).enhance(factor), np.float32)
        assert np.abs(result - expected).max() < 2  # Pillow rounds light and mean


def test_contrast_changes_around_the_mean_and_brightness_scales_the_result_as_in_pillow():
    """On mid-range colours, so that nothing is clipped in between."""
    batch = np.random.default_rng(5).integers(90, 140, (6, 9, 11, 3), np.uint8)
    found = changed(batch, brightness=0.4, contrast=0.6)
    for picture, result, brightness, contrast in zip(batch, found, factors(0, 0.4), factors(1, 0.6), strict=True):
        step = ImageEnhance.Contrast(Image.fromarray(picture)).enhance(contrast)
        expected = np.asarray(ImageEnhance.Brightness(step).enhance(brightness), np.float32)
        assert np.abs(result - expected).max() < 3  # Pillow rounds the mean and each of the two results


def test_all_changes_of_colour_together_are_those_of_the_formulas():
    """In float64, pixel by pixel: saturation, hue as a rotation by Rodrigues' formula, contrast, brightness."""
    batch = np.random.default_rng(6).integers(100, 140, (6, 5, 7, 3), np.uint8)
    shares = {"brightness": 0.2, "contrast": 0.3, "saturation": 0.4, "hue": 0.1}
    found = changed(batch, **shares)
    axis = np.full(3, 1 / math.sqrt(3))
    draws = [factors(column, share) for column, share in enumerate(shares.values())]
    for picture, result, brightness, contrast, saturation, hue in zip(batch.astype(float), found, *draws, strict=True):
        luma = picture @ [0.299, 0.587, 0.114]
        colours = luma[..., None] + saturation * (picture - luma[..., None])
        angle = 2 * math.pi * (hue - 1)
        along = (colours @ axis)[..., None] * axis
        turned = along + math.cos(angle) * (colours - along) + math.sin(angle) * np.cross(axis, colours)
        expected = brightness * (luma.mean() + contrast * (turned - luma.mean()))
        assert result == pytest.approx(expected, abs=1e-2)


def test_a_third_of_a_turn_of_hue_exchanges_the_colours(monkeypatch):
    monkeypatch.setattr("eyebright.training.torch.augment.uniforms", lambda *_, **__: np.full((6, 4), 1.0))
    batch = pictures_colours()
    assert np.allclose(changed(batch, hue=1 / 3), batch[..., [2, 0, 1]], atol=1e-3)


def test_greys_stay_grey_whatever_the_hue_and_saturation():
    batch = pictures_colours()[..., :1].repeat(3, axis=3)
    assert np.allclose(changed(batch, hue=0.5, saturation=1.0), batch, atol=1e-2)


def test_values_are_clipped_and_without_settings_nothing_changes():
    found = changed(pictures_colours(0, 256), brightness=1, contrast=1, saturation=1, hue=0.5)
    assert found.min() >= 0 and found.max() <= 255
    tensor = torch.zeros(6, 3, 4, 4)
    assert recolour(tensor, KEYS, Settings(), 1) is tensor


def test_greyscale_images_change_in_brightness_only():
    tensor = torch.from_numpy(pictures_colours()[..., 0]).float()[:, None]
    found = recolour(tensor, KEYS, Settings(**PLAIN, brightness=0.3, hue=0.5), 3)
    expected = tensor * torch.from_numpy(factors(0, 0.3)).float()[:, None, None, None]
    assert torch.allclose(found, expected.clamp(0, 255), atol=1e-3)


KEYS_ERASING = np.arange(1, 301, dtype=np.uint64)


def test_a_share_of_the_images_has_one_rectangle_of_its_mean_colour():
    noise = np.random.default_rng(0).uniform(0, 255, (300, 3, 30, 40)).astype(np.float32)
    pictures = torch.from_numpy(noise)
    result = erase(pictures, KEYS_ERASING, Settings(erasing=0.5), 2)
    areas = []
    for before, after in zip(pictures, result, strict=True):
        rows, columns = np.nonzero((before != after).any(dim=0).numpy())
        if len(rows):
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            assert box == len(rows)  # a rectangle, without holes
            assert torch.allclose(after[:, rows[0], columns[0]], before.mean(dim=(1, 2)), atol=1e-3)
            areas.append(box / 1200)
    assert 120 < len(areas) < 180
    assert 0.08 < np.mean(areas) < 0.25 and max(areas) <= 0.45
    assert erase(pictures, KEYS_ERASING, Settings(), 2) is pictures


def test_rectangles_lie_where_they_are_asked():
    found = rectangles(torch.zeros(1, 3, 10, 20), np.array([[0.5, 0.25]]), np.array([0.4]), np.array([0.5]))
    expected = np.zeros((10, 20), bool)
    expected[3:7, 0:10] = True
    assert np.array_equal(found[0, 0].numpy(), expected)


@pytest.mark.gpu
def test_a_gpu_changes_images_as_a_processor_does():
    batch, everything = pictures(64, 60, 80), settings(
        flip=True, rotation=0.1, zoom=0.2, shear=0.1, shift=0.1, brightness=0.2, contrast=0.2, saturation=0.3, hue=0.1,
        erasing=0.5,
    )  # fmt: skip
    expected = augment(batch, keys(64), everything, 1)
    found = augment(batch.cuda(), keys(64), everything, 1)
    assert found.is_cuda
    assert float((found.cpu() - expected).abs().max()) < 1e-5 * 255 * 2  # the images are noise: steep between pixels
