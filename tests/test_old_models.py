"""A model of format 1, as the version of then has saved it: every command says what can be told of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import eyebright as eb


@pytest.fixture
def new_pictures(tmp_path: Path) -> Path:
    """Other images of the classes that the model knows."""
    random = np.random.default_rng(1)
    for index, label in enumerate(("blue", "green", "red")):
        (tmp_path / "new" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 120, (20, 24, 3), np.uint8)
            pixels[:, :, index] += 100
            Image.fromarray(pixels).save(tmp_path / "new" / label / f"{number:03d}.png")
    return tmp_path / "new"


def test_it_predicts_what_it_predicted_then(old_model: Path) -> None:
    """Its golden images have the probabilities that its version computed."""
    golden = load_file(old_model / "golden.safetensors")
    model = eb.load(old_model)
    assert model.predict(golden["prepared"]) == pytest.approx(golden["probabilities"], abs=1e-4)
    prediction = model.predict(golden["prepared"][0])
    assert prediction.label == model.classes[golden["probabilities"][0].argmax()]
    assert prediction.unfamiliarity is None and prediction.reason == ""


def test_it_is_evaluated_as_it_was_then(old_model: Path, pictures: Path) -> None:
    then = eb.load(old_model).metrics["test"]
    now = eb.load(old_model).evaluate(eb.Dataset.open(pictures), verbose=False)
    assert (now.pictures, now.accuracy, now.confusion) == (then.pictures, then.accuracy, then.confusion)
    assert now.loss == pytest.approx(then.loss, abs=1e-4) and now.seen == 48 - then.pictures


def test_it_is_saved_in_the_format_of_now_and_still_has_no_unfamiliarity(old_model: Path, tmp_path: Path) -> None:
    eb.load(old_model).save(tmp_path / "new")
    assert json.loads((old_model / "model.json").read_text())["format"] == 1
    assert json.loads((tmp_path / "new" / "model.json").read_text())["format"] > 1
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    before, after = eb.load(old_model).predict(image), eb.load(tmp_path / "new").predict(image)
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5) and after.unfamiliarity is None


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["predict", "MODEL", "IMAGES"], "red"),
        (["evaluate", "MODEL", "IMAGES"], "Accuracy"),
        (["explain", "MODEL", "IMAGES/red/000.png", "-o", "why.png"], "red"),
        (["drift", "MODEL", "IMAGES"], "An older version of eyebright has saved this model"),
        (["diff", "MODEL", "MODEL", "IMAGES"], "Both models give the same answer to every image."),
        (["inspect", "MODEL"], "Conv2d"),
        (["train", "IMAGES", "--from", "MODEL", "-o", "run", "--epochs", "1"], "Model saved"),
    ],
)
def test_every_command_takes_it(old_model: Path, new_pictures: Path, eyebright, tmp_path, monkeypatch, command, found):
    monkeypatch.chdir(tmp_path)
    finished = eyebright(*[word.replace("MODEL", "old").replace("IMAGES", "new") for word in command])
    assert finished.code == 0, finished.err
    assert found in finished.out


def test_compared_with_a_model_of_now_it_answers_every_image(
    old_model: Path, new_pictures: Path, pictures: Path, train_mlp, tmp_path: Path
) -> None:
    train_mlp(pictures, tmp_path / "run", verbose=False)
    found = eb.diff(old_model, tmp_path / "run", new_pictures, verbose=False)
    assert found.pictures == found.answered[0].right == 36
    assert found.accuracies is not None and found.accuracies[0].value == 1
