"""Promises of a saved model: made by what it held back, or by other images, and written into its folder."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx.reference
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file

import eyebright as eb
from eyebright.model.card import FORMAT
from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.folder import read_model
from eyebright.model.reference import Reference
from eyebright.network.answering import Answering
from eyebright.runs.evaluate import evaluate
from eyebright.runs.promise import promise
from eyebright.system import files
from eyebright.system.errors import DataError
from eyebright.training.events.results import Evaluated, PromiseMade, PromiseRefused
from eyebright.training.receivers import read_events
from eyebright.trust.promise import Given


def mixtures(folder: Path, count: int, seed: int) -> Path:
    """Images of three colours, the more difficult the less of their colour is in them."""
    random = np.random.default_rng(seed)
    for index, label in enumerate(("blue", "green", "red")):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 120, (20, 24, 3))
            pixels[:, :, index] += random.integers(0, 30)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pictures`, `more` of them, and a `run` that promised an accuracy of 0.8."""
    place = tmp_path_factory.mktemp("promised")
    mixtures(place / "pictures", 120, 0)
    mixtures(place / "more", 60, 1)
    settings = eb.Settings(epochs=4, batch_size=16, learning_rate=2e-3, flip=False, precision="float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYEBRIGHT_CACHE", str(place / "cache"))
        eb.train(
            place / "pictures", place / "run", network=eb.zoo.mlp(3, input_size=8), settings=settings, validation=0.4,
            promise="accuracy=0.8", verbose=False,
        )  # fmt: skip
    return place


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


@pytest.fixture
def prepared(trained: Path) -> NDArray[np.uint8]:
    """More images, as the model takes them."""
    preparation = eb.load(trained / "run").preparation
    return np.stack([eb.open_picture(path, preparation) for path in sorted((trained / "more").glob("*/*.png"))])


def answers(model: Path, pictures: NDArray[np.uint8]) -> tuple[NDArray, ...]:
    """What another program computes from the graph."""
    graph = onnx.reference.ReferenceEvaluator(str(model / "network.onnx"))
    return tuple(graph.run(["probabilities", "unfamiliarity", "answer"], {"pictures": pictures}))


def test_a_training_with_a_promise_says_what_it_promises_and_whether_it_was_kept(run: Path) -> None:
    events = read_events(run / "events.jsonl")
    (made,) = [event for event in events if isinstance(event, PromiseMade)]
    tested = [event for event in events if isinstance(event, Evaluated)][-1]
    assert made.promised == read_model(run).card.promise and made.text.startswith(
        "Promise accuracy=0.8, by 72 held-back"
    )
    assert tested.promise.endswith("promised: at least 80.0%.") and tested.promise.startswith("Answered ")
    assert made.text in (run / "model" / "README.md").read_text().replace("\\", "")


def test_a_promise_that_was_not_proven_ends_no_training(trained: Path, tmp_path: Path) -> None:
    """Nothing is learned from one step, so the most confident answers are wrong too."""
    settings = eb.Settings(epochs=1, batch_size=300, learning_rate=1e-6, flip=False, precision="float32")
    result = eb.train(
        trained / "pictures", tmp_path / "poor", network=eb.zoo.mlp(3, input_size=8), settings=settings,
        validation=0.4, promise="accuracy=0.9", verbose=False,
    )  # fmt: skip
    (found,) = [event for event in read_events(tmp_path / "poor" / "events.jsonl") if isinstance(event, PromiseRefused)]
    assert re.match(r"accuracy=0\.9 cannot be kept: \d+ of the 29 most confident held-back images are", found.reason)
    assert read_model(tmp_path / "poor").card.promise is None and result.test.promise is None


def test_the_graph_answers_only_what_is_promised(run: Path, prepared) -> None:
    thresholds = read_model(run).card.promise.thresholds
    probabilities, unfamiliarity, answer = answers(run / "model", prepared)
    given = (probabilities.max(axis=1) >= thresholds[0]) & (unfamiliarity <= 1)
    assert 0 < given.sum() < len(given)
    assert answer.tolist() == np.where(given, probabilities.argmax(axis=1), -1).tolist()
    model = eb.load(run)
    shown = [found.label for found in model.predict(list(prepared))]
    assert shown == [None if label < 0 else model.classes[label] for label in answer]


def test_another_promise_by_the_same_held_back_images_needs_no_images(run: Path, prepared) -> None:
    before, held_back = (
        answers(run / "model", prepared),
        Reference.load(run / "model" / "reference.safetensors").held_back,
    )
    weights = (run / "model" / "weights.safetensors").read_bytes()
    made = promise(run, "accuracy=0.5")
    after = answers(made.path, prepared)
    assert np.array_equal(before[0], after[0]) and (after[2] >= 0).sum() > (before[2] >= 0).sum()
    assert (run / "model" / "weights.safetensors").read_bytes() == weights
    again = Reference.load(run / "model" / "reference.safetensors").held_back
    assert all(np.array_equal(one, two) for one, two in zip(held_back, again, strict=True))
    assert isinstance(read_events(run / "events.jsonl")[-1], PromiseMade)


def test_with_another_promise_what_was_reported_of_the_answers_before_is_forgotten(run: Path) -> None:
    model = eb.load(run)
    before = model.metrics["test"]
    assert before.promise is not None
    model.promise("accuracy=0.5")
    after = model.metrics["test"]
    assert (after.promise, after.answered, after.answered_correctly) == (None, None, None)
    assert (after.accuracy, after.confusion) == (before.accuracy, before.confusion)


def test_a_promise_by_other_images_leaves_out_and_counts_what_the_model_has_seen(trained: Path, run: Path) -> None:
    with pytest.raises(DataError, match=r"at least 59 given images, .* there are 54; .* add images\. 306 images left"):
        promise(run, "accuracy=0.95", trained / "pictures")  # the 54 images of its test set
    made = promise(run, "accuracy=0.6", trained / "more").promised
    assert made.images == 180 and made.given == Given(images=180)
    with pytest.raises(DataError, match="was trained on all 180 images"):  # they are no test of it any more
        evaluate(run, trained / "more")


def test_what_people_wrote_into_the_folder_stays(run: Path) -> None:
    readme = run / "model" / "README.md"
    readme.write_text(readme.read_text().replace("Describe here", "From my garden. Describe here"))
    (run / "model" / "notes").mkdir()
    (run / "model" / "notes" / "mine.txt").write_text("mine")
    card = read_model(run).card
    for asked in ("accuracy-per-class=0.6", "coverage=0.9"):
        made = promise(run, asked)
        text = readme.read_text()
        assert "From my garden" in text and text.count("Promise ") == 1 and f"Promise {asked}" in text
    assert (run / "model" / "notes" / "mine.txt").read_text() == "mine"
    now = read_model(run).card
    assert (now.provenance, now.classes, now.calibration) == (card.provenance, card.classes, card.calibration)
    assert now.promise == made.promised


def test_sets_of_labels_are_reported_and_counted(trained: Path, run: Path) -> None:
    promise(run, "coverage=0.9")
    model = eb.load(run)
    (found,) = model.predict([sorted((trained / "more" / "red").glob("*.png"))[0]])
    assert found.best in found.labels or found.label is None
    shown = model.evaluate(eb.Dataset.from_folder(trained / "more"), verbose=False).promise
    assert shown.promise == "coverage=0.9" and 1 <= shown.labels <= 3
    other = model.evaluate(eb.Dataset.from_folder(trained / "more"), promise="accuracy=0.6", verbose=False).promise
    assert other.promise == "accuracy=0.6" and other.labels is None


def test_a_kill_while_a_promise_is_written_leaves_the_model_as_it_was_or_as_it_will_be(
    run: Path, kill_at: Callable[..., int | None], prepared
) -> None:
    before = answers(run / "model", prepared)[2]
    changes, seen = 0, set()
    while kill_at(run, changes, lambda: promise(run, "accuracy=0.5")) is None:
        stored = read_model(run)
        seen.add(stored.card.promise.promise)
        eb.load(stored.path)
        changes += 2
    after = answers(run / "model", prepared)[2]
    assert seen == {"accuracy=0.8", "accuracy=0.5"} and not np.array_equal(before, after)


def test_a_model_that_was_saved_by_hand_promises_too(run: Path, tmp_path: Path) -> None:
    model = eb.load(run)
    made = model.promise("accuracy=0.7")
    model.save(tmp_path / "saved")
    assert eb.load(tmp_path / "saved").learned.promise == made
    assert load_file(tmp_path / "saved" / "reference.safetensors")["held_back.labels"].shape == (72,)


def test_a_model_of_format_1_promises_by_other_images_and_is_written_in_the_present_format(
    trained: Path, run: Path, prepared
) -> None:
    """Such a model has no reference, and its graph gives only probabilities."""
    model, path = eb.load(run), run / "model"
    (path / "network.onnx").write_bytes(onnx_graph(model.network, model.get_weights(), answering=Answering()))
    graph = onnx.load(path / "network.onnx")
    del graph.graph.output[1:]
    onnx.save(graph, path / "network.onnx")
    golden = load_file(path / "golden.safetensors")
    golden["probabilities"] = Engine.of_bytes((path / "network.onnx").read_bytes())(golden["prepared"])
    save_file({name: values for name, values in golden.items() if name not in ("unfamiliarity", "answer")},
              path / "golden.safetensors")  # fmt: skip
    (path / "reference.safetensors").unlink()
    card = json.loads((path / "model.json").read_text()) | {"format": 1, "promise": None}
    card["sha256"] = {
        name: files.sha256(path / name) for name in card["sha256"].keys() - {"model.json"} if (path / name).exists()
    }
    (path / "model.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="none were held back"):
        promise(run, "accuracy=0.6")
    made = promise(run, "accuracy=0.6", trained / "more")
    stored = read_model(run)
    assert (stored.card.format, stored.reference.unknown, made.promised.images) == (FORMAT, None, 180)
    assert eb.load(run).predict(list(prepared[:1]))[0].unfamiliarity is None
