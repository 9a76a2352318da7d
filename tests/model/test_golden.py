import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.golden import Golden, golden_pictures, png, relative_difference
from eyebright.system.errors import ModelError

SIZE = Preparation(width=24, height=16)


def test_golden_pictures_are_drawn_by_their_formulas() -> None:
    gradient, checks, noise, rings = (np.asarray(Image.open(io.BytesIO(source))) for source in golden_pictures(SIZE)[0])
    assert [picture.shape for picture in (gradient, checks, noise)] == [(64, 96, 3), (75, 50, 3), (40, 40, 3)]
    assert gradient[0, 0].tolist() == [0, 0, 255]
    assert gradient[-1, -1].tolist() == [255, 255, 0]
    assert [checks[0, 0].tolist(), checks[0, 10].tolist(), checks[10, 10].tolist()] == [
        [0, 40, 200],
        [220, 100, 50],
        [0, 40, 200],
    ]
    assert len(np.unique(noise)) == 256
    assert rings.shape == (1000, 1200, 3)
    outwards = 127.5 + 127.5 * np.cos(np.pi / 8 * np.arange(100) ** 2 / np.hypot(1200, 1000))  # red, from the centre
    assert np.abs(rings[500, 600:700, 0] - outwards).mean() < 10  # JPEG of low quality


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_golden_pictures_come_with_what_the_preparation_makes_of_them(fit: str) -> None:
    preparation = Preparation(width=24, height=16, fit=fit)
    sources, prepared = golden_pictures(preparation)
    assert prepared.shape == (4, 16, 24, 3)
    for source, pixels in zip(sources, prepared, strict=True):
        assert np.array_equal(open_picture(source, preparation), pixels)


def test_golden_pictures_of_a_grey_model_are_grey() -> None:
    sources, prepared = golden_pictures(Preparation(width=24, height=16, channels=1))
    assert prepared.shape == (4, 16, 24, 1)
    colour = np.stack([open_picture(source, Preparation(width=24, height=16)) for source in sources])
    luma = colour @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(prepared[..., 0], luma, atol=0.51)


def test_golden_pictures_are_the_same_each_time() -> None:
    assert golden_pictures(SIZE)[0] == golden_pictures(SIZE)[0]


def test_the_golden_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    sources, prepared = golden_pictures(SIZE)
    outputs = {"probabilities": np.random.default_rng(0).dirichlet([1, 1], 4), "answer": np.array([1, -1, 0, 0])}
    (tmp_path / "golden").write_bytes(Golden(sources, prepared, outputs).to_bytes())
    loaded = Golden.load(tmp_path / "golden", outputs)
    assert loaded.sources == sources
    assert loaded.prepared.tobytes() == prepared.tobytes()
    assert {name: values.tobytes() for name, values in loaded.outputs.items()} == {
        name: values.tobytes() for name, values in outputs.items()
    }


@pytest.mark.parametrize("missing", ["source_0", "prepared", "probabilities"])
def test_a_golden_file_without_one_of_its_tensors_is_damaged(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "golden"
    (path).write_bytes(Golden(*golden_pictures(SIZE), {"probabilities": np.zeros((4, 2), np.float32)}).to_bytes())
    save_file({name: tensor for name, tensor in load_file(path).items() if name != missing}, path)
    with pytest.raises(ModelError, match=r"golden is damaged"):
        Golden.load(path, ["probabilities"])


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 64])
def test_a_golden_file_that_is_no_safetensors_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "golden").write_bytes(content)
    with pytest.raises(ModelError, match=r"golden is damaged"):
        Golden.load(tmp_path / "golden", ["probabilities"])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_gives_its_pixels_back(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, channels), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))).reshape(pixels.shape), pixels)


def test_differences_are_relative_to_values_above_1() -> None:
    assert relative_difference(np.array([0.1, 103.0]), np.array([0.2, 100.0])) == pytest.approx(0.1)
    assert relative_difference(np.array([103.0]), np.array([100.0]), above=300.0) == pytest.approx(0.01)
    assert relative_difference(np.zeros(2), np.zeros(3)) == np.inf
    assert np.isnan(relative_difference(np.array([np.nan]), np.ones(1)))
