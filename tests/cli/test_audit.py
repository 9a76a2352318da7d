import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request

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
    """Two classes of twelve pictures without any problem."""
    stream = np.random.default_rng(0)
    for number in range(24):
        place = tmp_path / "clean" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(stream.integers(30, 220, (6, 6, 3), np.uint8))
        small.resize((60, 60), Image.Resampling.BICUBIC).save(place / f"{number}.png")
    return tmp_path / "clean"


def test_findings_are_printed_in_80_columns_with_the_next_command(make_folder, eyebright, tmp_path):
    finished = eyebright("audit", doubled(make_folder()))
    assert finished.code == 0, finished.err
    assert "exact duplicates: 6 images in 3 sets" in finished.out
    command = finished.out.partition("To see the images of the findings:\n")[2].replace("\\\n", "")
    assert shlex.split(command)[:2] == ["eyebright", "audit"] and command.endswith(" -o audit.json --page audit.html\n")
    assert max(len(line) for line in finished.out.splitlines() if str(tmp_path) not in line) <= 80
    finished = eyebright("audit", tmp_path / "pictures", "--page", tmp_path / "audit.html")
    assert finished.code == 0 and "To see the images" not in finished.out  # the page is there
    assert finished.out.endswith(" -o audit.json\n")


def test_findings_are_written_and_a_training_can_exclude_them(make_folder, eyebright, quick, tmp_path):
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


def test_training_without_duplicates_is_advised_where_there_are_any(clean, eyebright, tmp_path):
    audit = ["audit", clean, "-o", tmp_path / "audit.json", "--overwrite"]
    Image.new("RGB", (60, 60), (1, 1, 1)).save(clean / "a" / "dark.png")
    finished = eyebright(*audit)
    assert "very dark" in finished.out and "To train without" not in finished.out
    (clean / "a" / "again.png").write_bytes((clean / "a" / "0.png").read_bytes())
    assert "To train without the duplicates:\n  eyebright train" in eyebright(*audit).out


def test_images_without_a_problem(clean, eyebright):
    finished = eyebright("audit", clean)
    assert "No problem found." in finished.out
    assert "With a random split, no test image would have a near-duplicate" in finished.out


def test_a_missing_folder_is_an_error(eyebright, tmp_path):
    finished = eyebright("audit", tmp_path / "nothing")
    assert finished.code == 1 and "does not exist" in finished.err


@pytest.mark.filterwarnings("always:the option fit")
def test_a_preview_is_drawn_beside_the_findings_and_the_pictures_stay_as_they_are(make_folder, eyebright, tmp_path):
    pictures = make_folder()
    before = {file: file.read_bytes() for file in pictures.rglob("*.png")}
    sheet = tmp_path / "preview.png"
    finished = eyebright("audit", pictures, "--preview", sheet, "--size", 16, "--augment", "flip,hue=0.2")
    assert finished.code == 0, finished.err
    assert f"Written: {sheet}" in finished.out and "Cropping removes 1" in finished.out  # 20 of 24 columns are kept
    with Image.open(sheet) as drawn:
        assert drawn.format == "PNG" and min(drawn.size) > 300
    assert {file: file.read_bytes() for file in pictures.rglob("*.png")} == before
    assert "already exists" in eyebright("audit", pictures, "--preview", sheet).err
    finished = eyebright("audit", pictures, "--preview", sheet, "--size", 16, "--resize", "pad", "--overwrite")
    assert "Images are padded with grey" in finished.out and finished.err == ""
    old = eyebright("audit", pictures, "--preview", sheet, "--size", 16, "--fit", "pad", "--overwrite")
    assert old.out == finished.out and old.err == "Warning: the option fit is now called resize\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "16"], "--size is only used with --preview: add --preview preview.png"),
        (["--resize", "pad"], "--resize is only used with --preview"),
        (["--resize", "pad", "--fit", "crop"], "fit is the old name of resize: use only resize"),
        (["--preview", "p.jpg"], "--preview expects a PNG file, got p.jpg: use p.png"),
        (["--preview", "p.png", "--size", "0"], "1 to 16384 pixels"),
        (["--preview", "p.png", "--augment", "flop"], "'flop' is unknown; known are flip"),
    ],
)  # fmt: skip
def test_options_of_the_preview_are_checked_before_the_work(eyebright, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    finished = eyebright("audit", tmp_path, *options)
    assert finished.code == 1 and words in finished.err


def test_decisions_on_the_page_mend_the_labels_of_a_training(make_folder, eyebright, quick, visit, tmp_path):
    """From the page, opened as a file, over the file that it saves, to the run and to the next audit."""
    pictures, page = doubled(make_folder()), tmp_path / "audit.html"
    assert eyebright("audit", pictures, "--page", page).code == 0
    opened = visit(page.as_uri())
    first = opened.get_by_role("group", name="Decision about blue/000.png")
    first.get_by_label("Relabel").check()
    first.get_by_role("combobox").select_option("green")
    opened.get_by_role("group", name="Decision about red/again.png").get_by_label("Exclude").check()
    for name in ("green/000.png", "green/again.png"):
        opened.get_by_role("group", name=f"Decision about {name}").get_by_label("Keep").check()
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download corrections.json").click()
    download.value.save_as(tmp_path / "corrections.json")
    given = ["--corrections", tmp_path / "corrections.json"]
    finished = eyebright("train", pictures, "-o", tmp_path / "run", *given, *quick)
    assert finished.code == 0, finished.err
    words = " ".join(finished.out.split())
    assert "2 images relabelled (1 exact duplicate among them), 1 left out, 2 kept." in words
    rows = (tmp_path / "run" / "split.csv").read_text()
    assert all(row in rows for row in ("blue/000.png,green,", "blue/again.png,green,", "red/000.png,red,"))
    assert "red/again.png" not in rows
    advice = " ".join(eyebright("audit", pictures, *given).out.replace("\\\n", "").split())
    assert f"eyebright audit {pictures} --corrections {given[1]} -o audit.json" in advice
    findings = json.loads(eyebright("audit", pictures, *given, "--json").out)["findings"]
    assert not {name for found in findings for name in found["pictures"]} & {"blue/000.png", "green/000.png"}


def test_a_review_saves_decisions_until_ctrl_c_and_says_how_to_train(make_folder, tmp_path):
    """The command in a process of its own, whose browser is this test."""
    pictures, place = doubled(make_folder()), tmp_path / "mended.json"
    place.write_text('{"corrections": [{"name": "blue/again.png", "decision": "exclude"}]}')
    command = [sys.executable, "-m", "eyebright", "audit", pictures, "--review", "--corrections", place, "--no-browser"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    with started:
        address = next(line.strip() for line in started.stdout if line.startswith("  http://127.0.0.1:"))
        decisions = [
            {"name": "blue/again.png", "decision": "exclude"},
            {"name": "red/000.png", "decision": "relabel", "new_label": "green"},
        ]
        content = json.dumps({"format": 1, "corrections": decisions}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}corrections.json", content, headers, method="PUT")
        assert "blue/again.png" in urllib.request.urlopen(address, timeout=60).read().decode()  # decided before
        assert urllib.request.urlopen(request, timeout=60).status == 200
        started.send_signal(signal.SIGINT)
        said = started.stdout.read()
    assert started.returncode == 0
    assert f"Saved in {place}: 1 relabelled, 1 excluded, 0 kept." in said
    *_, advice = said.partition("To train with these decisions:\n")
    assert shlex.split(advice.replace("\\\n", ""))[-2:] == ["--corrections", str(place)]
    assert json.loads(place.read_text())["corrections"][1]["new_label"] == "green"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--json"], "--review and --json contradict each other"),
        (["--corrections", "nowhere/c.json"], "the folder nowhere does not exist"),
        (["--corrections", "{pictures}/c.json"], "is in the folder of images, where nothing is written"),
    ],
)
def test_a_review_that_cannot_be_saved_is_refused_before_the_work(make_folder, eyebright, options, words):
    pictures = make_folder()
    finished = eyebright("audit", pictures, "--review", *(option.format(pictures=pictures) for option in options))
    assert finished.code == 1 and words in finished.err and "Traceback" not in finished.err
