"""Two models of constant answers on images whose colours are their classes: every figure is known beforehand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eyebright as eb
from eyebright.model.card import Seen
from eyebright.model.diff import compared, cpu_ms
from eyebright.network import Flatten, Input, Linear, Network, Normalize
from eyebright.system.errors import DataError, ModelError

CLASSES = ("blue", "green", "red")
CHANNELS = {"blue": 0, "green": 1, "red": 2}  # as `make_folder` draws them


def save_model(path: Path, classes: tuple[str, ...], *, blind: str = "", seen: tuple[bytes, ...] = ()) -> Path:
    """A model that answers the colour with the most light, except the one that it is blind to."""
    network = Network.sequential(Input((3, 2, 2)), Normalize(), Flatten(), Linear(len(classes), name="head"))
    weight, bias = np.zeros((len(classes), 12), np.float32), np.full(len(classes), -100, np.float32)
    for row, name in enumerate(classes):
        if name in CHANNELS and name != blind:
            weight[row, 4 * CHANNELS[name] : 4 * CHANNELS[name] + 4], bias[row] = 1, 0
    model = eb.Classifier(network, classes, weights={"head.weight": weight, "head.bias": bias})
    model.seen = Seen().union(seen)
    model.save(path)
    return path


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    return save_model(tmp_path / "old", CLASSES), save_model(tmp_path / "new", CLASSES[::-1], blind="red")


def silent(*events: object) -> None:
    """Receives events."""


def test_the_answers_that_flip_are_those_of_the_class_that_was_lost(
    models: tuple[Path, Path], make_folder: Callable[..., Path]
) -> None:
    """Classes are matched by name: the second model has them in the opposite order."""
    found = eb.diff(*models, make_folder(count=8), verbose=False)
    assert found.pictures == 24 and found.same.right == 16
    assert {(flip.truth, flip.first, flip.change) for flip in found.flips} == {("red", "red", -1)}
    assert found.accuracies is not None and [share.right for share in found.accuracies] == [24, 16]
    assert found.p_value == pytest.approx(2 * 0.5**8)
    worst = found.classes[0]
    assert (worst.name, worst.first.right, worst.second.right) == ("red", 8, 0)
    assert worst.p_value == pytest.approx(3 * 2 * 0.5**8) and worst.is_worse


def test_models_are_described_with_their_sizes(models: tuple[Path, Path], make_folder: Callable[..., Path]) -> None:
    found = eb.diff(*models, make_folder(count=2), verbose=False)
    expected = sum(file.stat().st_size for file in models[0].iterdir())
    assert found.models[0].size_bytes == expected and found.models[0].parameters == 3 * 12 + 3
    assert found.models[0].model == str(models[0]) and all(model.cpu_ms >= 0 for model in found.models)


def test_images_need_no_labels(models: tuple[Path, Path], make_folder: Callable[..., Path]) -> None:
    found = eb.diff(*models, [make_folder(count=4) / "red", make_folder("more", count=2) / "blue"], verbose=False)
    assert found.accuracies is None and found.pictures == 6
    assert len(found.flips) == 4 and all(flip.truth is None for flip in found.flips)


def test_images_that_either_model_was_trained_on_are_left_out(tmp_path: Path, make_folder) -> None:
    pictures = make_folder(count=4)
    digests = list(eb.Dataset.from_folder(pictures).pack(eb.Preparation(width=2, height=2)).digests)
    first = save_model(tmp_path / "first", CLASSES, seen=tuple(digests[:3]))
    second = save_model(tmp_path / "second", CLASSES, seen=tuple(digests[2:5]))
    found = eb.diff(first, second, pictures, verbose=False)
    assert (found.seen, found.pictures) == (5, 7)
    everything = save_model(tmp_path / "all", CLASSES, seen=tuple(digests))
    with pytest.raises(DataError, match=r"no image is left to compare the models on \(12 images that a model was"):
        eb.diff(first, everything, pictures, verbose=False)


def test_models_of_other_classes_are_compared_on_those_that_both_know(tmp_path: Path, make_folder) -> None:
    first, second = (
        save_model(tmp_path / "a", ("green", "red")),
        save_model(tmp_path / "b", ("green", "blue", "violet")),
    )
    found = eb.diff(first, second, make_folder(count=4), verbose=False)
    assert found.not_common == {"blue": 4, "red": 4} and found.pictures == 4
    assert found.own_classes == (("red",), ("blue", "violet"))
    with pytest.raises(ModelError, match=r"no class in common: .* has green, red; .* has violet, yellow"):
        eb.diff(first, save_model(tmp_path / "c", ("violet", "yellow")), make_folder("again"), verbose=False)


def test_what_cannot_be_opened_is_counted(models: tuple[Path, Path], make_folder: Callable[..., Path]) -> None:
    pictures = make_folder(count=4)
    (pictures / "red" / "000.png").write_bytes(b"no image")
    found = eb.diff(*models, pictures, verbose=False)
    assert (found.left_out, found.pictures) == (1, 11)


def test_the_images_of_the_flips_come_in_their_order(models: tuple[Path, Path], make_folder) -> None:
    found = compared(models, make_folder(count=4), silent)
    assert found.pictures.shape == (4, 2, 2, 3)
    assert (found.pictures[..., 2].mean(axis=(1, 2)) > found.pictures[..., :2].mean(axis=(1, 2, 3))).all()


def test_speeds_are_measured_in_alternating_rounds() -> None:
    calls: list[str] = []

    def slow(batch: np.ndarray) -> None:
        calls.append("slow")
        sum(range(200_000))

    def quick(batch: np.ndarray) -> None:
        calls.append("quick")

    one, other = cpu_ms([slow, quick], [np.zeros((2, 1, 1, 3), np.uint8)] * 2)
    assert calls == ["slow", "quick"] * 6 and one > other
