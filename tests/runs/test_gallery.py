from types import SimpleNamespace

import numpy as np
import pytest

from eyebright.model import evaluate as evaluation
from eyebright.runs.gallery import BUDGET, LARGE_PX, SMALL_PX, SUSPECTED, WEAKEST, WORST, Gallery
from eyebright.training.events.fitting import LabelsSuspected
from eyebright.trust.metrics import evaluate

NAMES = ("a", "b", "c")


class Pack:
    """Images whose value is their position; counts what is read."""

    def __init__(self) -> None:
        self.read_positions: list[int] = []
        self.digests = [number.to_bytes(16, "big") for number in range(9999)]

    def read(self, positions: list[int]) -> np.ndarray:
        self.read_positions += positions
        return np.stack([np.full((300, 300, 3), position % 256, np.uint8) for position in positions])


def gallery(
    labels: list[int], predicted: list[int], confidence: list[float], classes: int = 3, strange=None, needed=0.0, **more
) -> Gallery:
    """Of test images at the positions 100, 101 and so on; answers need a confidence."""
    names = tuple(NAMES[number] if classes == 3 else f"class {number}" for number in range(classes))
    truth, answers, sure = np.array(labels), np.array(predicted), np.array(confidence, float)
    log_probabilities = np.full((len(truth), classes), -10.0)
    log_probabilities[np.arange(len(truth)), answers] = np.log(sure)
    positions = np.arange(100, 100 + len(truth))
    prepared = SimpleNamespace(
        pack=Pack(), dataset=SimpleNamespace(source=SimpleNamespace(names=[f"{number}\n" for number in range(9999)]))
    )
    tested = evaluation.Tested(
        evaluate(log_probabilities, truth, names), positions, truth, answers, sure, sure >= needed, strange
    )
    return Gallery(prepared, tested, names, **more)


def test_the_worst_mistakes_are_the_most_confident_and_large() -> None:
    shown = gallery([0, 0, 1, 2], [0, 1, 2, 1], [0.9, 0.6, 0.8, 0.7])
    found = shown.worst()
    assert [(shot.name, shot.truth, shot.predicted) for shot in found] == [
        (r"102\n", "b", "c"), (r"103\n", "c", "b"), (r"101\n", "a", "b"),
    ]  # fmt: skip
    assert [shot.confidence for shot in found] == [0.8, 0.7, 0.6]
    assert [int(shot.digest, 16) for shot in found] == [102, 103, 101]
    assert {shot.image.width for shot in found} == {LARGE_PX} and all(shot.map is None for shot in found)
    assert len(gallery([0] * 50, [1] * 50, [0.5] * 50).worst()) == WORST


def test_maps_are_drawn_of_the_worst_mistakes_for_what_was_predicted() -> None:
    asked = []

    def maps(positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
        asked.append((positions.tolist(), classes.tolist()))
        return np.zeros((len(positions), 300, 300, 3), np.uint8)

    found = gallery([0, 0, 1], [1, 0, 2], [0.6, 0.9, 0.8], maps=maps).worst()
    assert asked == [([102, 100], [2, 1])]
    assert [shot.map.width for shot in found] == [LARGE_PX] * 2 and found[0].map != found[1].map
    assert gallery([0], [0], [0.9], maps=maps).worst() == []
    first, second = gallery([0, 0, 1], [1, 0, 2], [0.6, 0.9, 0.8], maps=maps, mapped=1).worst()
    assert asked[-1] == ([102], [2]) and first.map is not None and second.map is None


def test_examples_are_as_confident_as_is_usual_for_their_class() -> None:
    shown = gallery([0, 0, 0, 1, 2, 2], [0, 0, 0, 1, 1, 0], [0.5, 0.7, 0.9, 0.6, 0.5, 0.4])
    assert [(shot.truth, shot.confidence) for shot in shown.examples(correct=True)] == [("a", 0.7), ("b", 0.6)]
    assert [(shot.truth, shot.predicted) for shot in shown.examples(correct=False)] == [("c", "b")]


def test_behind_a_cell_are_its_images_the_most_confident_first() -> None:
    shown = gallery([0, 0, 0, 1], [0, 1, 1, 1], [0.5, 0.6, 0.9, 0.7])
    cells = shown.cells()
    assert {cell: [shot.name for shot in shots] for cell, shots in cells.items()} == {
        (0, 0): [r"100\n"], (0, 1): [r"102\n", r"101\n"], (1, 1): [r"103\n"],
    }  # fmt: skip
    assert next(iter(cells)) == (0, 1)  # mistakes come first


@pytest.mark.parametrize(("classes", "each"), [(3, 200), (40, 30), (400, 2)])
def test_the_images_behind_cells_fit_into_the_page(classes: int, each: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    predicted = np.where(np.arange(len(labels)) % 7, labels, (labels + 1) % classes)
    shown = gallery(labels.tolist(), predicted.tolist(), [0.9] * len(labels), classes)
    cells = shown.cells()
    assert sum(map(len, cells.values())) == len(shown.album) <= BUDGET
    assert all(shots for shots in cells.values())


def test_an_image_is_read_and_embedded_once() -> None:
    shown = gallery([0, 0, 1, 2], [0, 1, 2, 1], [0.9, 0.6, 0.8, 0.7])
    large = {shot.image.id for shot in shown.worst()}
    shown.cells(), shown.weakest(), shown.examples(correct=False)
    assert sorted(shown._prepared.pack.read_positions) == [100, 101, 102, 103]
    assert {image.id for image in shown.album if image.width == LARGE_PX} == large
    assert {image.width for image in shown.album} == {SMALL_PX, LARGE_PX}


def test_the_weakest_of_a_class_are_confident_mistakes_and_then_unsure_answers() -> None:
    shown = gallery([0] * 6, [0, 1, 1, 0, 0, 0], [0.9, 0.6, 0.8, 0.5, 0.7, 0.95]).weakest()
    assert [shot.name for shot in shown["a"]] == [r"102\n", r"101\n", r"103\n", r"104\n"]
    assert len(shown["a"]) == WEAKEST and shown["c"] == []


def test_images_without_an_answer_are_those_above_the_limit_the_most_unlike_first() -> None:
    shown = gallery([0, 0, 1, 2], [0] * 4, [0.9] * 4, strange=np.array([1.5, 1.0, 7.0, 0.2], np.float32)).unlike()
    assert [shot.name for shot in shown] == [r"102\n", r"100\n"]
    assert gallery([0], [0], [0.9]).unlike() == []


def test_images_that_are_less_sure_than_a_promise_needs_are_marked_wherever_they_are_shown() -> None:
    shown = gallery([0, 0, 1, 2], [0, 1, 2, 1], [0.9, 0.6, 0.8, 0.7], needed=0.75)
    every = [*shown.worst(), *shown.examples(correct=True), *shown.examples(correct=False)]
    every += [shot for shots in shown.cells().values() for shot in shots]
    assert {shot.confidence: shot.answered for shot in every} == {0.9: True, 0.8: True, 0.7: False, 0.6: False}


def test_suspected_labels_are_shown_with_what_is_predicted_instead_but_not_images_that_are_gone() -> None:
    shown = gallery([0], [0], [0.9])
    shown._prepared.labels, shown._prepared.pack.rows = np.arange(9999) % 3, np.where(np.arange(9999) == 5, -1, 0)
    found = LabelsSuspected(
        pictures=90, count=3, names=(r"7\n", "gone", r"5\n", r"3\n"), suggested=("c", "a", "a", "b"),
        probabilities=(0.99, 0.98, 0.97, 0.96),
    )  # fmt: skip
    assert [(one.name, one.truth, one.predicted, one.confidence) for one in shown.suspected(found)] == [
        (r"7\n", "b", "c", 0.99), (r"3\n", "a", "b", 0.96),
    ]  # fmt: skip
    assert [int(one.digest, 16) for one in shown.suspected(found)] == [7, 3]
    many = LabelsSuspected(
        pictures=90, count=40, names=tuple(rf"{number}\n" for number in range(10, 50)), suggested=("a",) * 40,
        probabilities=(0.9,) * 40,
    )  # fmt: skip
    assert len(shown.suspected(many)) == SUSPECTED
    assert {one.image.width for one in shown.suspected(many)} == {LARGE_PX}
