import msgspec
import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.report.history import History
from eyebright.runs.collect import collect
from eyebright.runs.folder import Run
from eyebright.runs.resume import resume
from eyebright.training.events.fitting import HeadFitted
from eyebright.training.events.results import Reported, VerdictReached


def collected(run: Run, result):
    """What the report of a run shows; and the images and the evaluation that it shows."""
    prepared = result.classifier.prepare(eb.Dataset.open(run.read()[0].pictures, seed=3))
    tested = result.classifier.test(prepared, lambda event: None)
    return collect(run, run.read_events(), result.classifier, prepared, tested), prepared, tested


def test_the_report_shows_what_the_run_measured(pictures, train_mlp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train_mlp(pictures, "run")
    run = Run("run")
    found, prepared, tested = collected(run, result)
    assert found.test == result.test and found.about.name == "pictures"
    reached = next(event for event in run.read_events() if isinstance(event, VerdictReached))
    assert (found.about.verdicts[0].kind, found.about.verdicts[0].text) == (reached.kind, reached.text)
    assert found.about.sets == [("blue", 12, 2, 2), ("green", 12, 2, 2), ("red", 12, 2, 2)]
    assert found.about.data[0] == "48 images: 36 for training, 6 for validation, 6 for testing."
    assert found.about.commands == [("To predict new images:", "eyebright predict run IMAGES")]
    assert found.audit == "eyebright audit pictures -o audit.json --page audit.html"
    assert found.about.repeat == "eyebright train --config run/config.toml -o NEW"
    assert found.about.repeat_text == "On this machine, this command gives the same model again:"
    assert found.about.settings == run.config.read_text()
    assert [chart.title for chart in found.about.training] == ["Accuracy", "Loss"]
    names = {prepared.dataset.source.names[position] for position in tested.positions}
    assert {shot.name for shots in found.cells.values() for shot in shots} <= names
    assert sum(len(shots) for shots in found.cells.values()) == 6
    assert dict(found.about.facts)["Image size"] == "8 × 8" and dict(found.about.facts)["Training"].startswith(
        "3 epochs, "
    )


def test_the_report_of_a_training_by_time_promises_no_equal_model(pictures, train_mlp, tmp_path):
    result = train_mlp(pictures, tmp_path / "run")
    request = Run(tmp_path / "run").read()[0]
    Run(tmp_path / "run").write_config(request.changed(training=request.training.changed({"minutes": 1.0})))
    assert "may differ a little" in collected(Run(tmp_path / "run"), result)[0].about.repeat_text


def test_the_report_knows_what_was_decided_about_images(pictures, train_mlp, tmp_path):
    (tmp_path / "given.json").write_text('{"corrections": [{"name": "red/000.png", "decision": "exclude"}]}')
    train_mlp(pictures, tmp_path / "run", epochs=1, corrections=tmp_path / "given.json")
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count('data-name="red/000.png"') == 1 and 'data-decision="exclude"' in page


def test_every_training_writes_its_report_and_says_where(pictures, train_mlp, tmp_path, capsys):
    result = train_mlp(pictures, tmp_path / "run")
    run = Run(result.path)
    assert run.report.stat().st_size < 3_000_000
    assert [event.path for event in run.read_events() if isinstance(event, Reported)] == [str(run.report)]
    assert f"Report: {run.report}" in capsys.readouterr().out.splitlines()
    assert ("report", str(run.report)) in result.as_table().rows


def test_inputs_show_which_part_of_an_image_is_used(tmp_path, train_mlp):
    stream = np.random.default_rng(0)
    for number in range(32):
        place = tmp_path / "wide" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stream.integers(0, 256, (20, 80, 3), np.uint8)).save(place)
    settings = eb.Settings(epochs=1, batch_size=8, seed=3)
    result = eb.train(
        tmp_path / "wide", tmp_path / "run", network=eb.zoo.mlp(2, input_size=8), settings=settings, resize="crop"
    )
    found, _, _ = collected(Run(result.path), result)
    seen = found.inputs[0]
    assert (seen.whole.width, seen.whole.height, seen.prepared.width) == (80, 20, 8)
    assert seen.kept == (30, 0, 20, 20)  # the square in the middle
    assert "cropped at the centre and brought to 8 × 8 pixels, in colour" in found.input_text


@pytest.mark.parametrize(("share", "maps"), [(0.03, 1), (0.5, 2)])
def test_maps_take_a_share_of_the_time_of_a_training_and_there_is_at_least_one(
    pictures, train_mlp, tmp_path, monkeypatch, share, maps
):
    monkeypatch.setattr("eyebright.runs.collect._MAPS_SHARE", share)
    result = train_mlp(pictures, tmp_path / "run", epochs=1, learning_rate=1e-7)
    found, _, tested = collected(Run(result.path), result)
    assert len(tested.mistakes) == len(found.worst) > 2
    assert sum(shot.map is not None for shot in found.worst) == maps  # of 120 + 108 answers, 53 for a map


@pytest.mark.parametrize(("strengths", "charts"), [((1.0, 0.3), 2), ((0.1,), 0)])
def test_a_head_whose_strength_was_not_chosen_has_no_charts(pictures, train_mlp, tmp_path, strengths, charts):
    result = train_mlp(pictures, tmp_path / "run", epochs=1)
    result.classifier.learned = msgspec.structs.replace(result.classifier.learned, history=History())
    figures = (0.5,) * len(strengths)
    head = HeadFitted(strengths=strengths, losses=figures, accuracies=figures, strength=strengths[-1])
    prepared = result.classifier.prepare(eb.Dataset.open(pictures, seed=3))
    tested = result.classifier.test(prepared, lambda event: None)
    assert len(collect(Run(result.path), [head], result.classifier, prepared, tested).about.training) == charts


def test_a_run_that_is_continued_gets_a_new_report(pictures, train_mlp, killed, tmp_path):
    run = Run(tmp_path / "run")
    killed(train_mlp, pictures, run.path)
    assert not run.report.exists()
    resume(run.path)
    first = run.report.read_text("utf-8")
    resume(run.path, epochs=5)
    assert "3 epochs" in first and "5 epochs" in run.report.read_text("utf-8")


def test_a_promise_is_reported_with_whether_the_test_images_keep_it(make_folder, train_mlp, tmp_path):
    result = train_mlp(make_folder(count=70), tmp_path / "run", epochs=8, promise="accuracy=0.8")
    page = Run(result.path).report.read_text("utf-8")
    assert "Promise accuracy=0.8, by 15 held-back images" in page
    assert "On the test images: Answered " in page and "15 held back for the promise." in page
    assert "To train a model that answers only where" not in page
    assert result.test.answered < result.test.pictures and "no answer given" in page


def test_a_promise_that_cannot_be_made_is_reported_with_the_reason(make_folder, train_mlp, tmp_path):
    options = {"learning_rate": 1e-7, "promise": "accuracy=0.8"}
    page = Run(train_mlp(make_folder(count=70), tmp_path / "run", **options).path).report.read_text("utf-8")
    assert "Nothing is promised: " in page and "To train a model that answers only where" in page


def test_the_report_says_a_promise_per_class_for_each_class(pictures, train_mlp, tmp_path):
    result = train_mlp(pictures, tmp_path / "run", promise="accuracy-per-class=0.05")
    found, *_ = collected(Run(tmp_path / "run"), result)
    promised, kept = result.classifier.learned.promise, found.test.promise
    assert found.answers_by_class.header == ("class", "confidence needed", "answers", "correct", "95% interval")
    for (name, needed, answers, *_), limit in zip(found.answers_by_class.rows, promised.limits, strict=True):
        assert needed == ("never" if limit > 1 else f"{100 * limit:.1f}%")
        assert answers == str(kept.classes[name].of)
    assert "Answers of each class" in (tmp_path / "run" / "report.html").read_text()
