import numpy as np
import pytest

import eyebright as eb
from eyebright.runs.folder import Run
from eyebright.runs.gallery import WORST
from eyebright.runs.report import report
from eyebright.system.errors import DataError, SettingsError


def test_the_report_that_is_made_again_is_the_one_that_the_training_wrote(pictures, train_mlp, tmp_path):
    run = Run(train_mlp(pictures, tmp_path / "run").path)
    first = run.report.read_text("utf-8")
    run.report.unlink()
    assert report(run.path) == run.report
    assert run.report.read_text("utf-8") == first


def test_a_report_that_is_made_again_has_a_map_for_each_of_the_worst_mistakes(pictures, train_mlp, tmp_path):
    run = Run(train_mlp(pictures, tmp_path / "run", learning_rate=1e-7, test=0.4).path)
    words = "What speaks for "
    first = run.report.read_text("utf-8")
    assert first.count(words) == 1 and "To draw the maps of all of them" in first
    again = report(run.path).read_text("utf-8")
    assert 1 < again.count(words) <= WORST and "To draw the maps of all of them" not in again


def test_robustness_is_measured_in_full_where_it_is_asked_for(pictures, train_mlp, tmp_path):
    run = Run(train_mlp(pictures, tmp_path / "run").path)
    assert "--robustness" in run.report.read_text("utf-8")
    page = report(run.path, robustness=True).read_text("utf-8")
    assert "with mild corruptions" in page and "--robustness" not in page
    assert all(f">{name} {severity}<" in page for name in ("blur", "JPEG", "rescaling") for severity in (1, 2))


def test_a_run_without_a_model_says_how_to_go_on(pictures, train_mlp, killed, tmp_path):
    killed(train_mlp, pictures, tmp_path / "run")
    with pytest.raises(SettingsError, match=r"run has no model yet; .* eyebright train --resume .*run"):
        report(tmp_path / "run")
    with pytest.raises(SettingsError, match="is not a run"):
        report(tmp_path)


def test_images_that_are_gone_are_named(pictures, train_mlp, tmp_path):
    train_mlp(pictures, tmp_path / "run")
    next((pictures / "red").iterdir()).unlink()
    with pytest.raises(DataError, match=r"no longer those of .*run"):
        report(tmp_path / "run")


def test_a_run_on_images_in_memory_needs_them_again(train_mlp, tmp_path):
    stream = np.random.default_rng(0)
    images, labels = stream.integers(0, 256, (48, 8, 8, 3), np.uint8), np.arange(48) % 3
    dataset = eb.Dataset.from_arrays(images, labels, ["a", "b", "c"], seed=3)
    run = Run(train_mlp(dataset, tmp_path / "run").path)
    first = run.report.read_text("utf-8")
    with pytest.raises(SettingsError, match="images in memory"):
        report(run.path)
    assert "Images in memory" in report(run.path, pictures=dataset).read_text("utf-8")
    assert "Images in memory" in first and "audit.html" not in first and "predict" in first
