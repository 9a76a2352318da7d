"""Maps of functions whose truth is known: exact Banzhaf values, planted patches, and networks of every kind."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

import eyebright as eb
from eyebright.model.explain import maps
from eyebright.model.explain.maps import Predict, blurred, explain, order_of_need, plan_for

RANDOM = np.random.default_rng(1)


@pytest.fixture
def fresh_plans() -> Iterator[None]:
    plan_for.cache_clear()
    yield
    plan_for.cache_clear()


def two_classes(probability: Callable[[NDArray[np.uint8]], NDArray[np.floating]]) -> Predict:
    """The probability of class 1 by a formula, as a network would give it."""

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        share = probability(images)
        return np.stack([1 - share, share], axis=1).astype(np.float32)

    return answer


def game(first: NDArray, second: NDArray, third: NDArray) -> NDArray[np.floating]:
    """A probability that is not additive in what is visible."""
    return 0.1 + 0.4 * (first & second) + 0.3 * (first | third) - 0.2 * (second & ~third)


def test_with_many_copies_the_coefficients_are_banzhaf_values(
    monkeypatch: pytest.MonkeyPatch, fresh_plans: None
) -> None:
    """Each cell is one pixel; the exact values come from all eight cases of the three cells that count."""
    monkeypatch.setattr(maps, "BLURRED", 6000)
    monkeypatch.setattr(maps, "_NOISE", 1e-6)
    monkeypatch.setattr(maps, "_REACH", 1e-3)
    image = np.where(np.indices((6, 6)).sum(axis=0) % 2, 255, 0).astype(np.uint8)[..., None]
    cells = [1, 22, 35]
    copies = plan_for(6, 6).copies(image).reshape(6000, 36)
    found = plan_for(6, 6).fit(game(*(copies[:, cell] == image.ravel()[cell] for cell in cells)))
    cases = np.array(list(product([False, True], repeat=3)))
    values = game(*cases.T)
    for place, cell in enumerate(cells):
        exact = values[cases[:, place]].mean() - values[~cases[:, place]].mean()
        assert found[cell] == pytest.approx(exact, abs=0.02)
    assert np.abs(np.delete(found, cells)).max() < 0.02


def test_the_order_of_need_is_that_of_a_plain_greedy_search() -> None:
    """Cells of one pixel with weights, which count twice together with a neighbour: the same search on plain lists."""
    weights = RANDOM.random(36) / 100
    image = np.full((6, 6, 1), 255, np.uint8)

    def value(seen: NDArray[np.bool_]) -> float:
        return float(weights @ seen + 2 * weights[:-1] @ (seen[:-1] & seen[1:]))

    enough = RANDOM.normal(size=36)
    alone = -np.array([value(np.arange(36) != cell) for cell in range(36)])
    found = order_of_need(
        lambda copies: np.array([value(copy.ravel() == 255) for copy in copies]), image,
        np.arange(36).reshape(6, 6), enough, alone,
    )  # fmt: skip
    queue, seen, order = sorted(range(36), key=lambda cell: -alone[cell]), np.ones(36, bool), list[int]()
    for _ in range(3):
        order, queue = order + queue[:4], queue[4:]
        seen[order] = False
        queue = sorted(queue[:6], key=lambda cell: value(seen & (np.arange(36) != cell))) + queue[6:]
    order += sorted(queue, key=lambda cell: -enough[cell])
    assert np.argsort(-found).tolist() == order


def test_the_values_of_squares_are_spread_linearly_over_the_cells() -> None:
    """A plane is a plane between the middles of the outer squares, and constant beyond."""
    square, cell = (np.arange(5) + 0.5) / 5, (np.arange(6) + 0.5) / 6
    plane = 2 * square[:, None] - square
    expected = 2 * np.clip(cell, 0.1, 0.9)[:, None] - np.clip(cell, 0.1, 0.9)
    np.testing.assert_allclose(plan_for(24, 36).in_cells(plane.ravel()), expected.ravel(), atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(30, 60), (31, 28)])
def test_the_squares_cover_a_third_of_each_side_around_their_middles(height: int, width: int) -> None:
    squares = plan_for(height, width).squares.reshape(5, 5, height, width)
    for row, column in product(range(5), range(5)):
        down, across = np.nonzero(squares[row, column])
        for found, place, size in ((down, row, height), (across, column, width)):
            low, high = max((place + 0.5) / 5 - 1 / 6, 0) * size, min((place + 0.5) / 5 + 1 / 6, 1) * size
            assert abs(found.min() - low) <= 1 and abs(found.max() + 1 - high) <= 1


def test_log_odds_are_exact_where_the_probability_is_rounded_to_1() -> None:
    """A quarter that decides is found although no copy has another probability than 1 in float32."""

    def answer(copies: NDArray[np.uint8]) -> NDArray[np.float32]:
        odds = np.exp(-20 - 5 * contrast(copies, 0, 0, 12))
        return np.stack([np.ones_like(odds), odds], axis=1).astype(np.float32)

    image = RANDOM.integers(0, 256, (1, 24, 24, 3), np.uint8)
    assert (answer(image)[:, 0] == 1).all()
    found = explain(answer, image, np.array([0]))[0]
    assert found[:12, :12].mean() > 1 > 0 > found[12:, 12:].mean()


def contrast(images: NDArray[np.uint8], top: int, left: int, side: int) -> NDArray[np.floating]:
    return images[:, top : top + side, left : left + side].std(axis=(1, 2)).mean(axis=-1) / 128


@pytest.mark.parametrize("shape", [(64, 64, 3), (48, 80, 3), (28, 28, 1)])
def test_a_patch_that_decides_is_found_wherever_it_is(shape: tuple[int, int, int]) -> None:
    """The probability depends on the details of a quarter of a side in a square alone: the map is highest in
    a cell of it."""
    height, width, _ = shape
    random = np.random.default_rng(sum(shape))
    side = min(height, width) // 4
    for _ in range(50):
        top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
        image = random.integers(0, 256, shape, np.uint8)
        (found,) = explain(
            two_classes(lambda copies, at=(top, left, side): contrast(copies, *at)), image[None], np.array([1])
        )
        peak = np.array(np.unravel_index(found.argmax(), found.shape))
        row, column = 6 * peak // (height, width)
        assert top < (row + 1) * height / 6 and row * height / 6 < top + side
        assert left < (column + 1) * width / 6 and column * width / 6 < left + side


def test_each_image_has_its_own_map_whatever_images_come_with_it() -> None:
    images = RANDOM.integers(0, 256, (3, 24, 24, 3), np.uint8)
    answer = two_classes(lambda copies: copies.mean(axis=(1, 2, 3)) / 255)
    together = explain(answer, images, np.array([0, 1, 1]))
    alone = explain(answer, images[1:2], np.array([1]))
    assert together.shape == (3, 24, 24) and together.dtype == np.float32
    np.testing.assert_array_equal(together[1:2], alone)


def test_an_answer_that_nothing_changes_has_an_empty_map() -> None:
    image = RANDOM.integers(0, 256, (1, 16, 16, 3), np.uint8)
    assert not explain(two_classes(lambda copies: np.full(len(copies), 0.5)), image, np.array([0])).any()


def test_a_map_has_mean_0_and_its_class_counts() -> None:
    images = RANDOM.integers(0, 256, (1, 32, 32, 3), np.uint8)
    answer = two_classes(lambda copies: contrast(copies, 4, 4, 8))
    first, second = (explain(answer, images, np.array([label]))[0] for label in (0, 1))
    assert abs(first.mean()) < 0.1 and abs(second.mean()) < 0.1
    assert second[4:12, 4:12].mean() > 2 > 0 > first[4:12, 4:12].mean()


def test_as_many_copies_are_answered_as_is_said() -> None:
    asked = list[int]()

    def answer(copies: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(len(copies))
        return two_classes(lambda images: images.mean(axis=(1, 2, 3)) / 255)(copies)

    explain(answer, RANDOM.integers(0, 256, (2, 16, 16, 3), np.uint8), np.array([0, 1]))
    assert sum(asked) == 2 * maps.COPIES and max(asked) <= 8


def test_a_blurred_image_keeps_its_brightness_and_loses_its_details() -> None:
    image = RANDOM.integers(0, 256, (40, 40, 1), np.uint8)
    soft = blurred(image)
    assert soft.shape == image.shape
    assert soft.mean() == pytest.approx(image.mean(), abs=2)
    assert soft.std() < image.std() / 5


@pytest.mark.parametrize(
    ("network", "channels"),
    [(eb.zoo.mlp(3, input_size=8), 3), (eb.zoo.flowers_cnn(3, input_size=28), 3), (eb.zoo.lenet5(3), 1)],
)
def test_another_network_has_another_map(network: eb.Network, channels: int) -> None:
    """Adebayo et al. 2018: a map that does not depend on the weights explains the image, not the network."""
    size = network.input_shape[-1]
    images = RANDOM.integers(0, 256, (4, size, size, channels), np.uint8)
    found = []
    for seed in (1, 2):
        predictor = eb.Classifier(network, ["a", "b", "c"], seed=seed).predictor
        found.append(explain(predictor.probabilities, images, np.zeros(4, np.int64)).reshape(4, -1))
    alike = [np.corrcoef(*pair)[0, 1] for pair in zip(*found, strict=True)]
    assert np.mean(np.abs(alike)) < 0.5
