import json

import numpy as np
import pytest
from PIL import Image


def doubled(folder):
    """One picture of each class is there twice, under another name."""
    for place in sorted(folder.iterdir()):
        (place / "again.png").write_bytes((place / "000.png").read_bytes())
    return folder


@pytest.fixture
def clean(tmp_path):
    """Two classes of twelve pictures of which nothing is to be said."""
    stream = np.random.default_rng(0)
    for number in range(24):
        place = tmp_path / "clean" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(stream.integers(30, 220, (6, 6, 3), np.uint8))
        small.resize((60, 60), Image.Resampling.BICUBIC).save(place / f"{number}.png")
    return tmp_path / "clean"


def test_findings_are_told_in_80_columns_with_the_next_command(make_folder, eyebright, tmp_path):
    finished = eyebright("audit", doubled(make_folder()))
    assert finished.code == 0, finished.err
    assert "exact duplicates: 6 pictures in 3 sets" in finished.out and "-o audit.json --page" in finished.out
    assert max(map(len, finished.out.splitlines()[:-1])) <= 80


def test_findings_are_written_and_what_one_agrees_to_is_left_out(make_folder, eyebright, quick, tmp_path):
    pictures = doubled(make_folder())
    finished = eyebright("audit", pictures, "-o", tmp_path / "audit.json", "--page", tmp_path / "audit.html", "--json")
    assert json.loads(finished.out) == json.loads((tmp_path / "audit.json").read_text())
    assert (tmp_path / "audit.html").read_text().startswith("<!DOCTYPE html>")
    train = ["train", pictures, "-o", tmp_path / "run", "--exclude", tmp_path / "audit.json", *quick]
    finished = eyebright(*train)
    assert finished.code == 0, finished.err
    names = (tmp_path / "run" / "split.csv").read_text()
    assert "blue/000.png" in names and "again" not in names
    finished = eyebright(*train, "--overwrite", "--exclude-kinds", "very drak")
    assert finished.code == 1 and "did you mean 'very dark'?" in finished.err


def test_leaving_copies_out_is_advised_where_there_are_any(clean, eyebright, tmp_path):
    audit = ["audit", clean, "-o", tmp_path / "audit.json", "--overwrite"]
    Image.new("RGB", (60, 60), (1, 1, 1)).save(clean / "a" / "dark.png")
    finished = eyebright(*audit)
    assert "very dark" in finished.out and "To leave copies out" not in finished.out
    (clean / "a" / "again.png").write_bytes((clean / "a" / "0.png").read_bytes())
    assert "To leave copies out: eyebright train" in eyebright(*audit).out


def test_clean_pictures_have_nothing_to_tell(clean, eyebright):
    finished = eyebright("audit", clean)
    assert "any split by classes is sound" in finished.out and "Nothing stands out." in finished.out


def test_a_folder_that_is_not_there_is_told(eyebright, tmp_path):
    finished = eyebright("audit", tmp_path / "nothing")
    assert finished.code == 1 and "does not exist" in finished.err


def test_a_preview_is_drawn_beside_the_findings_and_the_pictures_stay_as_they_are(make_folder, eyebright, tmp_path):
    pictures = make_folder()
    before = {file: file.read_bytes() for file in pictures.rglob("*.png")}
    sheet = tmp_path / "preview.png"
    finished = eyebright("audit", pictures, "--preview", sheet, "--size", 16, "--augment", "flip,hue=0.2")
    assert finished.code == 0, finished.err
    assert f"Written: {sheet}" in finished.out and "Cropping leaves out 1" in finished.out  # 20 of 24 columns are kept
    with Image.open(sheet) as drawn:
        assert drawn.format == "PNG" and min(drawn.size) > 300
    assert {file: file.read_bytes() for file in pictures.rglob("*.png")} == before
    assert "already exists" in eyebright("audit", pictures, "--preview", sheet).err
    finished = eyebright("audit", pictures, "--preview", sheet, "--size", 16, "--fit", "pad", "--overwrite")
    assert "Pictures are shown whole, on grey" in finished.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "16"], "give --preview preview.png as well"), (["--fit", "pad"], "--fit says how a preview"),
        (["--preview", "p.jpg"], "name it p.png"), (["--preview", "p.png", "--size", "0"], "1 to 16384 pixels"),
        (["--preview", "p.png", "--augment", "flop"], "'flop' is unknown; known are flip"),
    ],
)  # fmt: skip
def test_options_of_the_preview_are_checked_before_the_work(eyebright, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    finished = eyebright("audit", tmp_path, *options)
    assert finished.code == 1 and words in finished.err
