import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.model import evaluate
from eyebright.runs import figures
from eyebright.runs.folder import Run
from eyebright.training.events.results import Drawn

pytestmark = pytest.mark.drawings
PICTURES = ("curves.png", "confusion.png", "mistakes.png")


def drawn(path: Path) -> Drawn:
    (event,) = (event for event in Run(path).read_events() if isinstance(event, Drawn))
    return event


def test_every_training_leaves_curves_confusion_and_the_worst_mistakes(make_folder, tmp_path, monkeypatch):
    pictures, sheets = make_folder(), []
    draw_sheet = figures.draw_sheet
    monkeypatch.setattr(figures, "draw_sheet", lambda shown, **more: sheets.append(shown) or draw_sheet(shown, **more))
    settings = eb.Settings(epochs=1, batch_size=8, learning_rate=1e-7, seed=3)
    result = eb.train(pictures, tmp_path / "run", network=eb.zoo.mlp(3, input_size=8), settings=settings)
    event = drawn(tmp_path / "run")
    wrong = result.test.pictures - round(result.test.accuracy * result.test.pictures)
    assert event.mistakes == wrong > 0
    assert [Path(path).name for path in event.paths] == list(PICTURES)
    for path in event.paths:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
    (shown,) = sheets
    assert len(shown) == event.shown == min(wrong, figures.SHOWN)
    confidences = [item.prediction.confidence for item in shown]
    assert confidences == sorted(confidences, reverse=True)
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "run" / "split.csv").read_text().splitlines())}
    for item in shown:
        row = rows[item.prediction.name]
        assert (row["split"], row["class"]) == ("test", item.truth)
        assert item.prediction.label != item.truth
        answer = result.classifier.predict(pictures / item.prediction.name)
        assert answer.confidence == pytest.approx(item.prediction.confidence, abs=1e-4)


def test_without_mistakes_there_is_no_sheet_and_the_log_says_so(make_folder, tmp_path):
    settings = eb.Settings(epochs=8, batch_size=8, learning_rate=3e-3, seed=3)
    result = eb.train(make_folder(), tmp_path / "right", network=eb.zoo.mlp(3, input_size=8), settings=settings)
    run = Run(result.path)
    run.mistakes.write_bytes(b"of before")
    prepared = result.classifier.prepare(eb.Dataset.open(tmp_path / "pictures"))
    nothing = np.empty(0, np.int64)
    tested = evaluate.Tested(result.test, nothing, nothing, nothing, np.empty(0), np.empty(0, bool))
    event = figures.draw(run, run.read_events(), result.classifier, prepared, tested)
    assert (event.mistakes, event.shown) == (0, 0)
    assert [Path(path).name for path in event.paths] == list(PICTURES[:2])
    assert not run.mistakes.exists()
