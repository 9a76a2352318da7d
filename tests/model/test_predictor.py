import functools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eyebright.data import threads
from eyebright.data.pictures import open_picture
from eyebright.model.folder import StoredModel
from eyebright.model.predictor import Predictor
from eyebright.system import machine
from eyebright.system.errors import DownloadError, PictureError, SettingsError
from eyebright.trust.answers import Answers
from eyebright.trust.prediction import Prediction, Unreadable
from eyebright.trust.promise import Promised


@pytest.fixture
def predictor(stored: StoredModel) -> Predictor:
    return Predictor.of_model(stored)


class FixedEngine:
    """Gives every picture the same probabilities."""

    def __init__(self, *probabilities: float) -> None:
        self.row = np.array(probabilities, np.float32)

    def answers(self, pictures: NDArray[np.uint8]) -> Answers:
        return Answers.decided(np.tile(self.row, (len(pictures), 1)), None)


def test_a_prediction_ranks_the_classes_by_their_probabilities(stored: StoredModel, pixels: NDArray) -> None:
    predictor = Predictor(FixedEngine(0.25, 0.5, 0.25), ("daisy", "rose", "tulip"), stored.card.preparation)
    prediction = predictor.predict(pixels[0])
    assert (prediction.label, prediction.confidence) == ("rose", 0.5)
    assert list(prediction.probabilities.items()) == [("rose", 0.5), ("daisy", 0.25), ("tulip", 0.25)]


@pytest.mark.parametrize(
    ("promise", "limits", "label", "reason", "labels"),
    [
        ("accuracy=0.9", (0.5, 0.5, 0.5), "rose", "", ()),
        ("accuracy=0.9", (0.51, 0.51, 0.51), None, "confidence 50.0%, below 51.0%", ()),
        ("accuracy-per-class=0.9", (0.0, 0.931, 0.0), None, "confidence 50.0%, below 93.1%", ()),
        ("coverage=0.9", (0.5,), "rose", "", ("rose",)),
        ("coverage=0.9", (0.501,), "rose", "", ("rose", "tulip")),
    ],
)
def test_what_is_promised_decides_the_answer_and_the_set_of_labels(
    stored, pixels, promise, limits, label, reason, labels
) -> None:
    """Whatever the graph answers, which may have been written for another promise."""

    class Engine:
        def answers(self, pictures: NDArray[np.uint8]) -> Answers:
            table = np.tile(np.array([0.2, 0.5, 0.3], np.float32), (len(pictures), 1))
            return Answers.decided(table, None, np.array([2, 2, 2], np.float32))

    promised = Promised(promise=promise, limits=limits, images=100, answered=1.0)
    predictor = Predictor(Engine(), ("daisy", "rose", "tulip"), stored.card.preparation).with_promise(promised)
    found = predictor.predict(pixels[0])
    assert (found.label, found.reason, found.labels, found.best) == (label, reason, labels, "rose")
    with pytest.raises(SettingsError, match=f"{promise} was promised for predictions without tta"):
        predictor.with_tta()


def test_an_unfamiliar_image_gets_no_set_of_labels(stored, pixels) -> None:
    class Engine:
        def answers(self, pictures: NDArray[np.uint8]) -> Answers:
            unlike = np.full(len(pictures), 1.5, np.float32)
            return Answers.decided(np.full((len(pictures), 3), 1 / 3, np.float32), unlike)

    promised = Promised(promise="coverage=0.9", limits=(0.9,), images=100, answered=1.0)
    found = Predictor(Engine(), ("a", "b", "c"), stored.card.preparation, promise=promised).predict(pixels[0])
    assert (found.label, found.labels, found.reason) == (None, (), "unlike the training images")


def test_with_tta_the_unfamiliarity_is_the_mean_too(stored, pixels) -> None:
    class Engine:
        def answers(self, pictures: NDArray[np.uint8]) -> Answers:
            unfamiliarity = pictures[:, 0, 0, 0].astype(np.float32)
            return Answers.decided(np.full((len(pictures), 3), 1 / 3, np.float32), unfamiliarity)

    predictor = Predictor(Engine(), ("daisy", "rose", "tulip"), stored.card.preparation).with_tta()
    found, expected = predictor.predict(pixels[0]), (pixels[0, 0, 0, 0] + float(pixels[0, 0, -1, 0])) / 2
    assert found.unfamiliarity == pytest.approx(expected) and expected > 1
    assert (found.label, found.reason) == (None, "unlike the training images")


def test_a_prediction_is_what_the_graph_says(
    predictor: Predictor, files: list[bytes], pixels: NDArray, reference: Callable
) -> None:
    for file, row in zip(files[:5], reference(pixels[:5]), strict=True):
        found = predictor.predict(file).probabilities
        assert [found[name] for name in ("daisy", "rose", "tulip")] == pytest.approx(row.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [(str, "", "{path}"), (Path, "", "{path}"), (str, "mine", "mine"), (Path.read_bytes, "", "")],
)
def test_a_prediction_bears_the_name_of_its_picture(
    predictor: Predictor, files: list[bytes], tmp_path: Path, kind: Callable, given: str, expected: str
) -> None:
    path = tmp_path / "雏菊 1.PNG"
    path.write_bytes(files[0])
    assert predictor.predict(kind(path), name=given).name == expected.format(path=path)


@pytest.mark.parametrize("kind", [str, Path])
def test_an_error_names_the_picture(predictor: Predictor, tmp_path: Path, kind: Callable) -> None:
    with pytest.raises(PictureError, match=r"missing\.png.*file not found"):
        predictor.predict(kind(tmp_path / "missing.png"))


def test_a_stream_answers_in_order_with_unreadable_pictures_among_them(
    predictor: Predictor, files: list[bytes], tmp_path: Path
) -> None:
    bad = {0: b"", 1: b"no picture", 5: tmp_path / "missing.png", 40: files[40][:60], 69: b""}
    answers = list(predictor.stream((str(index), bad.get(index, file)) for index, file in enumerate(files)))
    assert [answer.name for answer in answers] == [str(index) for index in range(70)]
    assert {int(answer.name) for answer in answers if isinstance(answer, Unreadable)} == set(bad)
    assert [answers[index].error for index in (0, 5)] == ["empty file", "file not found"]
    for index in set(range(70)) - set(bad):
        alone = predictor.predict(files[index])
        assert answers[index].label == alone.label
        assert answers[index].probabilities == pytest.approx(alone.probabilities, abs=1e-6)


@pytest.mark.parametrize("sources", [[], [("a", b"")], [("a", b""), ("b", b"junk"), ("c", b"")]])
def test_a_stream_without_a_readable_picture_still_answers_each(predictor: Predictor, sources: list) -> None:
    answers = list(predictor.stream(sources))
    assert [(answer.name, type(answer)) for answer in answers] == [(name, Unreadable) for name, _ in sources]


def test_a_stream_answers_long_before_its_sources_are_exhausted(predictor: Predictor, files: list[bytes]) -> None:
    given = 0

    def sources() -> Iterator[tuple[str, bytes]]:
        nonlocal given
        for given in range(1000):
            yield str(given), files[given % 70]

    for answered, answer in enumerate(predictor.stream(sources())):
        assert answer.name == str(answered)
        assert given - answered <= 200
    assert answered == 999


def test_pictures_may_be_fetched_when_their_turn_comes(predictor: Predictor, files: list[bytes]) -> None:
    def unreachable() -> bytes:
        raise DownloadError("http://localhost/x.jpg cannot be fetched: refused")

    first, second, third = predictor.stream([("a", lambda: files[0]), ("b", unreachable), ("c", files[2])])
    assert second == Unreadable(name="b", error="http://localhost/x.jpg cannot be fetched: refused")
    assert isinstance(first, Prediction)
    assert third.probabilities == pytest.approx(predictor.predict(files[2]).probabilities, abs=1e-6)


def test_a_fault_in_what_fetches_a_picture_is_not_taken_for_a_bad_picture(predictor: Predictor) -> None:
    def faulty() -> bytes:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        list(predictor.stream([("a", faulty)]))


def test_a_stream_that_is_left_early_fetches_no_more_pictures(
    predictor: Predictor, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The four threads go on only when the rest was cancelled."""
    queued, left, fetched = threading.Event(), threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            left.set()
            super().shutdown(wait=wait)

    def fetch(index: int) -> bytes:
        fetched.append(index)
        assert (left if index else queued).wait(300)  # a last resort
        return files[index]

    def sources() -> Iterator[tuple[str, Callable[[], bytes]]]:
        for index in range(60):
            yield str(index), functools.partial(fetch, index)
            if index == 50:
                queued.set()

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(machine, "cores", lambda: 4)
    answers = predictor.stream(sources())
    assert next(answers).name == "0"
    answers.close()
    assert len(fetched) <= 1 + 4


def test_predicting_imports_no_torch() -> None:
    code = "import eyebright.model.predictor, eyebright.trust.metrics, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_with_tta_the_answer_is_the_mean_for_the_picture_and_its_mirror_image(
    stored: StoredModel, predictor: Predictor, pixels: NDArray
) -> None:
    prepared = np.stack([open_picture(picture, stored.card.preparation) for picture in pixels[:3]])
    both = predictor.with_tta()
    expected = (predictor.probabilities(prepared) + predictor.probabilities(prepared[:, :, ::-1].copy())) / 2
    assert np.abs(both.probabilities(prepared) - expected).max() < 1e-6
    quick = predictor.quick_probabilities(prepared) + predictor.quick_probabilities(prepared[:, :, ::-1].copy())
    assert both.quick_probabilities(prepared) == pytest.approx(quick / 2, abs=1e-6)
    for row, picture in zip(expected, pixels, strict=False):
        answer = both.predict(picture)
        assert answer.confidence == pytest.approx(row.max(), abs=1e-6)
        assert both.predict(picture[:, ::-1].copy()).confidence == pytest.approx(answer.confidence, abs=1e-5)
    assert np.abs(predictor.probabilities(prepared) - expected).max() > 1e-6  # the model has a left and a right
