from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyebright.report import maps
from eyebright.report.maps import draw_kernels, draw_maps

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (20, 20, 3), np.uint8)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """The figure of a drawing function, instead of its PNG."""
    monkeypatch.setattr(maps, "to_png", lambda figure: figure)

    def draw(function: str, *arguments: np.ndarray, **options: object) -> Figure:
        return getattr(maps, function)(*arguments, title="conv_1", **options)

    return draw


def values(axes: Axes) -> np.ndarray:
    return np.ma.filled(axes.images[0].get_array().astype(float), np.nan)


def tiles(axes: Axes, fill: float = np.nan) -> list[np.ndarray]:
    """The parts of a picture between gaps, row by row."""
    picture = values(axes)
    gap = np.isnan(picture) if np.isnan(fill) else picture == fill
    gap = gap.all(axis=2) if gap.ndim == 3 else gap

    def runs(filled: np.ndarray) -> list[slice]:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (~filled).astype(int), [0]])))
        return [slice(*pair) for pair in edges.reshape(-1, 2)]

    rows, columns = runs(gap.all(axis=1)), runs(gap.all(axis=0))
    found = [picture[row, column] for row in rows for column in columns]
    return [tile for tile in found if not np.isnan(tile).all() and not (tile == fill).all()]


def written(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_kernels_with_three_channels_are_drawn_in_colour_with_grey_for_zero(drawn: Callable) -> None:
    kernels = np.zeros((2, 3, 2, 2), np.float32)
    kernels[0, 0, 0, 1], kernels[1, 2, 1, 0] = 0.5, -0.5
    (axes,) = drawn("draw_kernels", kernels).axes
    first, second = (tile[12::24, 12::24] for tile in tiles(axes, fill=1.0))
    assert first[0, 1].tolist() == [1.0, 0.5, 0.5]
    assert second[1, 0].tolist() == [0.5, 0.5, 0.0]
    assert (first[1] == 0.5).all()
    assert written(axes) == ["1", "2"]


def test_all_kernels_have_one_scale(drawn: Callable) -> None:
    kernels = np.zeros((2, 3, 2, 2), np.float32)
    kernels[0], kernels[1] = 0.1, 1.0
    (axes,) = drawn("draw_kernels", kernels).axes
    assert np.unique(values(axes)).round(3).tolist() == [0.55, 1.0]


def test_other_kernels_are_a_table_of_filters_and_channels_with_zero_in_the_middle(drawn: Callable) -> None:
    kernels = RANDOM.normal(size=(4, 5, 3, 3)).astype(np.float32)
    axes, bar = drawn("draw_kernels", kernels).axes
    found = [tile[8::16, 8::16] for tile in tiles(axes)]
    assert np.allclose(found, kernels.reshape(20, 3, 3))
    assert axes.images[0].get_clim() == pytest.approx((-np.abs(kernels).max(), np.abs(kernels).max()))
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("filter", "channel")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2", "3", "4"]
    assert len(axes.get_xticks()) == 5
    assert bar is not axes


def test_depthwise_kernels_are_side_by_side(drawn: Callable) -> None:
    kernels = RANDOM.normal(size=(6, 1, 3, 3)).astype(np.float32)
    axes, _ = drawn("draw_kernels", kernels).axes
    assert np.allclose([tile[8::16, 8::16] for tile in tiles(axes)], kernels[:, 0])
    assert written(axes) == [str(number) for number in range(1, 7)]


def test_kernels_of_one_by_one_are_a_matrix(drawn: Callable) -> None:
    kernels = RANDOM.normal(size=(300, 7, 1, 1)).astype(np.float32)
    figure = drawn("draw_kernels", kernels)
    assert np.array_equal(values(figure.axes[0]), kernels[:256, :, 0, 0])
    assert "the first 256 of 300 filters" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("shape", "shown", "title"),
    [
        ((20, 40, 2, 2), 256, "20 filters of 2 x 2 x 40; the first 16 of 20 filters; the first 16 of 40 channels"),
        ((300, 3, 2, 2), 256, "300 filters of 2 x 2 x 3; the first 256 of 300 filters"),
        ((16, 16, 2, 2), 256, "16 filters of 2 x 2 x 16"),
        ((1, 1, 2, 2), 1, "1 filter of 2 x 2 x 1"),
    ],
)
def test_no_more_than_16_by_16_are_shown_and_the_title_says_so(
    drawn: Callable, shape: tuple[int, ...], shown: int, title: str
) -> None:
    figure = drawn("draw_kernels", RANDOM.uniform(0.1, 0.4, shape).astype(np.float32))
    assert len(tiles(figure.axes[0], fill=1.0 if shape[1] == 3 else np.nan)) == shown
    name, rest = figure.get_suptitle().split("\n")
    assert name == "conv_1"
    assert rest.removesuffix("; grey is 0") == title


def test_maps_are_numbered_beside_the_image_and_brighter_where_stronger(drawn: Callable) -> None:
    activations = RANDOM.uniform(0, 1, (5, 48, 48)).astype(np.float32)
    figure = drawn("draw_maps", PICTURE, activations)
    picture, grid, _ = figure.axes
    assert np.array_equal(picture.images[0].get_array(), PICTURE)
    assert np.allclose(tiles(grid), activations)
    assert written(grid) == ["1", "2", "3", "4", "5"]
    assert figure.get_suptitle() == "conv_1: 5 maps of 48 x 48"
    dark, bright = grid.images[0].cmap([0.0, 1.0])[:, :3].sum(axis=1)
    assert bright > dark
    assert grid.images[0].get_clim()[0] == 0


def test_an_outlier_does_not_leave_the_rest_dark(drawn: Callable) -> None:
    activations = RANDOM.uniform(0, 1, (4, 40, 40)).astype(np.float32)
    activations[0, 0, 0] = 1000
    _, grid, _ = drawn("draw_maps", PICTURE, activations).axes
    assert grid.images[0].get_clim()[1] <= 1


def test_only_64_maps_are_shown_and_the_title_says_so(drawn: Callable) -> None:
    figure = drawn("draw_maps", PICTURE, RANDOM.uniform(0.1, 1, (70, 6, 8)).astype(np.float32))
    assert len(tiles(figure.axes[1])) == 64
    assert figure.get_suptitle() == "conv_1: 70 maps of 6 x 8; the first 64 of 70 maps"


@pytest.mark.parametrize("shape", [(7,), (7, 1, 1)])
def test_a_vector_is_drawn_as_bars(drawn: Callable, shape: tuple[int, ...]) -> None:
    vector = RANDOM.normal(size=shape).astype(np.float32)
    names = ["daisy", "dandelion", "rose", "sunflower", "tulip", "雏菊", "7"]
    figure = drawn("draw_maps", PICTURE, vector, names=names)
    bars = figure.axes[1]
    assert [bar.get_height() for bar in bars.patches] == pytest.approx(vector.ravel().tolist())
    assert [label.get_text() for label in bars.get_xticklabels()] == names
    assert figure.get_suptitle() == "conv_1: 7 values"


@settings(max_examples=12, deadline=None)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 30), st.integers(1, 30))
    | st.tuples(st.integers(1, 2000)),
    st.sampled_from([0.0, -1.0, np.nan, np.inf]),
)  # fmt: skip
def test_any_activations_can_be_drawn(shape: tuple[int, ...], value: float) -> None:
    activations = RANDOM.normal(size=shape).astype(np.float32)
    activations.flat[0] = value
    tall = np.zeros((60, 20, 3), np.uint8)
    assert draw_maps(tall, activations * (value != 0), title="x").startswith(b"\x89PNG")


@settings(max_examples=12, deadline=None)
@given(st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 7), st.integers(1, 7)), st.booleans())
def test_any_kernels_can_be_drawn(shape: tuple[int, ...], broken: bool) -> None:
    kernels = np.full(shape, np.nan if broken else 0.0, np.float32)
    assert draw_kernels(kernels, title="x").startswith(b"\x89PNG")


@given(st.integers(0, 255), st.floats(-1, 1, width=32))
def test_over_an_image_orange_is_for_and_blue_against(grey: int, value: float) -> None:
    """A pixel is mixed with the colour by its share of the strongest value; an image without a map is grey."""
    pixels = np.full((1, 2, 3), grey, np.uint8)
    drawn = maps.overlaid(pixels, np.array([[value, -1]], np.float32))
    colour = np.array([221, 107, 32] if value > 0 else [43, 108, 176])
    share = 0.75 * abs(value)
    np.testing.assert_allclose(drawn[0, 0], (1 - share) * grey + share * colour, atol=0.51)
    assert (maps.overlaid(pixels, np.zeros((1, 2), np.float32)) == grey).all()


def test_over_a_grey_image_there_are_colours_too() -> None:
    drawn = maps.overlaid(np.full((4, 4, 1), 100, np.uint8), np.eye(4, dtype=np.float32))
    assert drawn.shape == (4, 4, 3) and drawn.dtype == np.uint8
    assert drawn[0, 0].tolist() == [191, 105, 49] and drawn[0, 1].tolist() == [100] * 3
