import json
from pathlib import Path

import pytest
from PIL import Image

import eyebright as eb


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    """Two models that were not trained, from two seeds."""
    for seed in (0, 1):
        eb.Classifier(eb.zoo.mlp(3, input_size=8), classes=["blue", "green", "red"], seed=seed).save(
            tmp_path / f"model{seed}"
        )
    return tmp_path / "model0", tmp_path / "model1"


def test_prints_the_comparison_and_draws_the_flips(models, make_folder, eyebright, tmp_path) -> None:
    finished = eyebright("diff", *models, make_folder(count=4), "-o", tmp_path / "flips.png")
    assert finished.code == 0, finished.err
    assert "CPU-ms an image" in finished.out and "answers of 12 differ" in finished.out
    assert all(len(line) <= 80 for line in finished.out.splitlines() if "Written" not in line)
    with Image.open(tmp_path / "flips.png") as sheet:
        assert sheet.format == "PNG"


def test_json_has_every_figure_and_nothing_else_is_printed(models, make_folder, eyebright, tmp_path) -> None:
    finished = eyebright("diff", *models, make_folder(count=4), "--json", "-o", tmp_path / "flips.png")
    found = json.loads(finished.out)
    assert found["pictures"] == 12 and len(found["accuracies"]) == 2
    assert found["same"]["right"] + len(found["flips"]) == 12


def test_files_without_labels_can_be_given(models, make_folder, eyebright) -> None:
    folder = make_folder(count=2)
    finished = eyebright("diff", *models, folder / "red" / "000.png", folder / "blue", "--json")
    assert json.loads(finished.out)["pictures"] == 3 and json.loads(finished.out)["accuracies"] is None


def test_a_sheet_that_cannot_be_written_is_refused_before_the_work(models, make_folder, eyebright, tmp_path) -> None:
    folder = make_folder(count=2)
    wrong = eyebright("diff", *models, folder, "-o", tmp_path / "flips.jpg")
    assert wrong.code == 1 and "-o expects a PNG file" in wrong.err and "use flips.png" in wrong.err
    inside = eyebright("diff", *models, folder, "-o", folder / "flips.png")
    assert inside.code == 1 and "in the folder of images" in inside.err
    (tmp_path / "flips.png").write_bytes(b"mine")
    there = eyebright("diff", *models, folder, "-o", tmp_path / "flips.png")
    assert there.code == 1 and (tmp_path / "flips.png").read_bytes() == b"mine"


def test_what_is_no_model_is_an_error(models, make_folder, eyebright, tmp_path) -> None:
    finished = eyebright("diff", models[0], tmp_path, make_folder(count=2))
    assert finished.code == 1 and "is not a model" in finished.err
