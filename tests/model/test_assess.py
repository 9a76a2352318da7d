"""What is measured on known predictions, and trainings in which each fault really occurs, up to the verdict."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.model.making import NumberedPack

import eyebright as eb
from eyebright.data.sources.source import ArraySource
from eyebright.model import assess
from eyebright.model.assess import record_of, sample_of
from eyebright.model.predictor import BATCH_SIZE
from eyebright.report.history import History
from eyebright.system.errors import ModelError
from eyebright.training.events.results import VerdictReached
from eyebright.training.settings import AUGMENTATIONS, Settings
from eyebright.trust.answers import Answers
from eyebright.trust.verdict import Verdict

TABLE = np.random.default_rng(5).dirichlet([1, 1, 1], 2 * BATCH_SIZE + 7).astype(np.float32)
SHUFFLED = np.random.default_rng(7).permutation(len(TABLE))


def test_what_is_measured_comes_in_the_order_asked_for_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []

    def measure(images: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        batches.append(len(images))
        return TABLE[images.reshape(-1)], 2 * TABLE[images.reshape(-1), :2]

    found = assess.measured(measure, NumberedPack(), SHUFFLED)
    assert found.logits.dtype == np.float64 and max(batches) == BATCH_SIZE
    np.testing.assert_array_equal(found.logits, TABLE[SHUFFLED].astype(np.float64))
    np.testing.assert_array_equal(found.features, 2 * TABLE[SHUFFLED, :2])
    monkeypatch.setattr(assess, "_MOST_FEATURES", 10)
    some = assess.measured(measure, NumberedPack(), SHUFFLED)
    assert len(some.logits) == len(SHUFFLED) and 0 < len(some.featured) <= 10
    np.testing.assert_array_equal(some.features, 2 * TABLE[SHUFFLED[some.featured], :2])


def test_the_temperature_makes_logits_calibrated_that_are_too_large() -> None:
    """Labels of a known distribution, whose logits were multiplied by 2.5."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) < random.random((4000, 1))).sum(axis=1)
    found = assess.calibrate(2.5 * logits, labels)
    assert found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.error_before > 0.05 > 0.03 > found.error_after


@pytest.mark.parametrize(("difference", "refused"), [(0.9e-4, False), (1.2e-4, True), (np.nan, True)])
def test_a_graph_may_differ_by_no_more_than_the_tolerance(difference: float, refused: bool) -> None:
    found = Answers.decided(TABLE[:5], np.full(5, 20.0))
    expected = found._replace(probabilities=TABLE[:5].astype(float))
    expected.probabilities[3, 1] += difference
    further = found._replace(unfamiliarity=np.full(5, 20 * (1 + 10 * difference)))
    for one, other, name in ((found, expected, "probabilities"), (found, further, "unfamiliarity")):
        if refused:
            with pytest.raises(ModelError, match=f"differs from the trained network by .* in its {name}"):
                assess.prove(one, other)
        else:
            assess.prove(one, other)


@pytest.mark.parametrize(
    ("train", "validation", "held_back", "expected"),
    [(46, 10, 0, 86), (500, 100, 0, 900), (800, 100, 7, 1207), (5000, 100, 0, 900), (5000, 1000, 0, 3288)],
)
def test_a_budget_leaves_time_for_no_more_images_than_there_are(train, validation, held_back, expected) -> None:
    """All of the training images up to 500 of them, else about as many as for validation; validation images twice,
    and as many again for shortcuts, up to 288; held-back images once."""
    sides = {"train": np.arange(train), "validation": np.arange(validation), "held_back": np.arange(held_back)}
    assert assess.count_assessed(SimpleNamespace(indices=sides.__getitem__)) == expected


SIDE, CLASSES = 16, 4
PLAIN = dict.fromkeys(AUGMENTATIONS, 0) | {"flip": False, "patience": 0, "precision": "float32"}
Pictures = tuple[NDArray[np.uint8], NDArray[np.int64]]


def stripes(count: int, *, noise: float = 20, seed: int = 0, rare: int = 1) -> Pictures:
    """Stripes, whose direction is the class, on backgrounds of their own, so that no two are alike.

    The last class is so many times rarer than the others.
    """
    random = np.random.default_rng(seed)
    share = np.array([rare] * (CLASSES - 1) + [1]) / (rare * (CLASSES - 1) + 1)
    labels = random.choice(CLASSES, count, p=share)
    angle, phase = labels * np.pi / CLASSES, random.uniform(0, 2 * np.pi, count)
    down, across = np.mgrid[:SIDE, :SIDE]
    along = np.multiply.outer(np.cos(angle), across) + np.multiply.outer(np.sin(angle), down)
    ground = random.uniform(60, 196, (count, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    pixels = ground + 50 * np.sin(along + phase[:, None, None])[..., None] + random.normal(0, noise, ground.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def mislabelled(labels: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    random = np.random.default_rng(1)
    return np.where(random.random(len(labels)) < share, (labels + random.integers(1, CLASSES, len(labels))) % 4, labels)


def judged(pictures: Pictures, *, sides: Sequence[str] | None = None, **settings: Any) -> tuple[Verdict, ...]:
    images, labels = pictures
    dataset = eb.Dataset(ArraySource(images), tuple("nesw"), labels, sides=sides)
    model = eb.Classifier(eb.zoo.flowers_cnn(CLASSES, input_size=SIDE, dropout=0.0), dataset.classes)
    events: list[Any] = []
    model.fit(dataset, settings=Settings().changed(PLAIN | settings), callbacks=[events.append])
    (found,) = (event for event in events if isinstance(event, VerdictReached))
    assert (found.kind, found.text, found.remedy) == (
        model.verdicts[0].kind,
        model.verdicts[0].text,
        model.verdicts[0].remedy,
    )
    assert found.others == model.verdicts[1:]
    return model.verdicts


def test_a_good_training_has_no_problem():
    assert [verdict.kind for verdict in judged(stripes(600), epochs=6)] == ["no problem found"]


def test_few_noisy_pictures_are_memorised():
    first, second = judged(stripes(300, noise=90), epochs=15)
    assert (first.kind, second.kind) == ("overfitting", "too few images")
    assert first.remedy["rotation"] and first.remedy["dropout"]


@pytest.mark.parametrize(("rate", "kind"), [(1.0, "learning rate too high"), (1e-6, "learning rate too low")])
def test_a_rate_out_of_the_ordinary_is_reported_first(rate, kind):
    first, *others = judged(stripes(600), epochs=3, learning_rate=rate)
    assert first.kind == kind
    assert first.remedy == {"learning_rate": 2e-3}
    assert "underfitting" not in [other.kind for other in others]


def test_two_epochs_are_too_few():
    kinds = [verdict.kind for verdict in judged(stripes(600, noise=60), epochs=2, learning_rate=6e-4)]
    assert kinds[0] == "training too short"
    assert not {"underfitting", "learning rate too high", "noisy labels"} & set(kinds)


def test_wrong_labels_are_distinguished_from_hard_pictures():
    images, labels = stripes(3200)
    kinds = [verdict.kind for verdict in judged((images, mislabelled(labels, 0.3)), epochs=5)]
    assert kinds[0] == "noisy labels"
    hard = [verdict.kind for verdict in judged(stripes(1600, noise=120), epochs=5)]
    assert "noisy labels" not in hard


def test_a_rare_class_that_looks_like_another_fails_and_is_named_with_it():
    images, labels = stripes(800, rare=4)
    look, of = stripes(4000, seed=9)
    images[labels == 3] = look[of == 2][: np.count_nonzero(labels == 3)]
    verdicts = {verdict.kind: verdict for verdict in judged((images, labels), epochs=6)}
    assert "of the w images are predicted correctly" in verdicts["class failing"].text
    assert "Most common mistake: s" in verdicts["class failing"].text


def test_near_copies_over_given_sides_are_a_leak():
    images, labels = stripes(900)
    random = np.random.default_rng(3)
    sides = random.permutation(np.repeat(["train", "validation", "test"], [540, 180, 180]))
    learned, later = np.flatnonzero(sides == "train")[:60], np.flatnonzero(sides != "train")[:60]
    images[later] = np.clip(images[learned] + random.integers(-2, 3, images[learned].shape), 0, 255)
    labels[later] = labels[learned]
    first, *_ = judged((images, labels), sides=sides.tolist(), epochs=3)
    assert first.kind == "leak suspected"
    assert "60 of the 360 validation and test images" in first.text


def test_a_mark_in_the_corner_of_one_class_is_a_shortcut():
    """The images of a class look like those of the others; only a mark says which class it is."""
    images, labels = stripes(800)
    marked = labels == 1
    images[marked] = stripes(4000, seed=9)[0][: np.count_nonzero(marked)]
    images[marked, -4:, -4:] = 255
    verdicts = {verdict.kind: verdict for verdict in judged((images, labels), epochs=5)}
    assert "the bottom right corner of e images decides" in verdicts["shortcut suspected"].short


def test_the_sample_of_the_training_side_is_spread_over_it():
    train, validation = np.arange(10_000), np.arange(600)
    sample = sample_of(train, validation)
    assert 600 <= len(sample) <= 700
    assert sample[0] == 0 and sample[-1] > 9900
    assert np.array_equal(sample_of(np.arange(100), validation), np.arange(100))


def test_the_course_says_augmentation_and_the_greatest_dropout():
    settings = Settings(epochs=4, minutes=2.5, cutmix=0.5, accumulation=3, keep_start_if_better=True)
    history = History(
        loss=(1.0,) * 3, validation_loss=(2.0,) * 3, pictures=(70, 0, 6), best_epoch=2
    )  # 0 pictures in a log that does not tell
    course = record_of(history, settings, eb.zoo.flowers_cnn(input_size=16, dropout=0.3), 70, 1.9)
    assert (course.images, course.epochs, course.dropout, course.first_loss) == (70, 4, 0.3, 1.9)
    assert (course.seen, course.step_size, course.start_from_same_images) == ((70, 70, 6), 96, True)

    assert (course.minutes, course.loss, course.validation_loss, course.adaptive) == (2.5, (1.0,) * 3, (2.0,) * 3, True)
    assert {name: strength for name, strength in course.augmentation.items() if strength} == {
        "flip": True, "rotation": 0.1, "zoom": 0.1, "cutmix": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(("keeps", "best", "epochs"), [(True, 0, 0), (True, 1, 2), (False, 0, 2)])
def test_epochs_that_were_not_better_than_the_start_say_nothing_about_the_model(keeps, best, epochs):
    """Falling losses of such epochs were called a training that is too short."""
    history = History(loss=(2.0, 1.0), validation_loss=(2.0, 1.0), pictures=(70, 70), best_epoch=best)
    settings = Settings(epochs=2, keep_start_if_better=keeps)
    course = record_of(history, settings, eb.zoo.flowers_cnn(input_size=16), 70)
    assert [len(values) for values in (course.loss, course.validation_loss, course.seen)] == [epochs] * 3
    assert course.settled == (not epochs)


@pytest.mark.parametrize(
    ("count", "num_classes"), [(500, 5), (30_000, 1_000), (1, 1_000), (100_000, 20), (104_857, 20)]
)
def test_so_many_validation_pictures_are_taken_as_their_logits_fit(count: int, num_classes: int) -> None:
    some = assess.bounded(np.arange(count), num_classes)
    assert some[0] == 0 and len(some) * num_classes <= 2**21
    assert len(some) == count or len(some) * num_classes >= 2**20 - num_classes
    assert len(np.unique(np.diff(some))) <= 1  # evenly spread
