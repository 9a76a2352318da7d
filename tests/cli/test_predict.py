import csv
import http.server
import io
import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

import eyebright as eb
from eyebright.cli.predict import prediction_text
from eyebright.model.folder import read_model
from eyebright.trust.prediction import Prediction
from eyebright.trust.promise import Promised


@pytest.fixture
def picture(run: Path, tmp_path: Path) -> Path:
    return tmp_path / "pictures" / "red" / "003.png"


@pytest.fixture
def server(picture: Path):
    """Serves the folder of the picture on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    def handler(*arguments):
        return Quiet(*arguments, directory=str(picture.parent))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_one_image_gives_a_sentence_and_bars(run, picture, eyebright):
    finished = eyebright("predict", run, picture)
    lines = finished.out.splitlines()
    assert finished.code == 0
    assert lines[0].startswith("This image most likely belongs to red with a ")
    assert lines[0].endswith(" percent confidence.")
    shares = [float(line.split()[1].rstrip("%")) for line in lines[1:]]
    assert sum(shares) == pytest.approx(100, abs=0.05)
    assert shares == sorted(shares, reverse=True)


def test_top_limits_the_bars(run, picture, eyebright):
    assert len(eyebright("predict", run, picture, "--top", "2").out.splitlines()) == 3


def test_a_folder_gives_a_line_for_each_image(run, picture, eyebright):
    finished = eyebright("predict", run, picture.parent.parent)
    assert len(finished.out.splitlines()) == 48
    assert finished.out.count(" red ") > 8


def test_json_holds_all_probabilities(run, picture, eyebright):
    answer = json.loads(eyebright("predict", run, picture, "--json").out)
    assert answer["label"] == "red"
    assert answer["probabilities"]["red"] == answer["confidence"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_csv_has_no_formulas_and_no_escape_codes(run, picture, eyebright, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("=1+1.png", "a\x1b[31m.png"):
        shutil.copy(picture, name)
    finished = eyebright("predict", run, "=1+1.png", "a\x1b[31m.png", "--csv")
    assert [line.partition(",")[0] for line in finished.out.splitlines()] == ["name", "'=1+1.png", r"a\x1b[31m.png"]


def test_csv_survives_names_with_commas_and_line_breaks(run, picture, eyebright, tmp_path):
    odd = tmp_path / 'a, "b"\n花 🌸.png'
    shutil.copy(picture, odd)
    rows = list(csv.DictReader(io.StringIO(eyebright("predict", run, odd, picture, "--csv").out)))
    assert [row["name"] for row in rows] == [str(odd), str(picture)]
    assert rows[0]["confidence"] == rows[1]["confidence"]


def test_odd_names_are_shown_in_one_line(run, picture, eyebright, tmp_path):
    shutil.copy(picture, tmp_path / "line\nbreak.png")
    shutil.copy(picture, tmp_path / os.fsdecode(b"broken \xff.png"))
    finished = eyebright("predict", run, tmp_path / "line\nbreak.png", tmp_path / os.fsdecode(b"broken \xff.png"))
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 2


def test_damaged_images_are_reported_and_the_others_predicted(run, picture, eyebright, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"hello")
    finished = eyebright("predict", run, picture, tmp_path / "bad.jpg", tmp_path / "missing.jpg", picture, "--json")
    answers = [json.loads(line) for line in finished.out.splitlines()]
    assert finished.code == 1
    assert [answer.get("label") for answer in answers] == ["red", None, None, "red"]
    assert "not an image" in answers[1]["error"]
    assert "not found" in answers[2]["error"]


def test_a_single_damaged_image_is_an_error(run, eyebright, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    finished = eyebright("predict", run, tmp_path / "bad.jpg")
    assert (finished.code, finished.out) == (1, "")
    assert "bad.jpg: empty file" in finished.err


def test_of_downloaded_images_only_those_that_are_drawn_are_kept(run, picture, eyebright, tmp_path, monkeypatch):
    alive, most, fetched = set(), [], []

    class Content(bytes):
        """Notes when it is gone."""

        def __del__(self):
            alive.discard(id(self))

    def fetch(address):
        fetched.append(address)
        content = Content(picture.read_bytes())
        alive.add(id(content))
        most.append(len(alive))
        return content

    monkeypatch.setattr("eyebright.system.downloads.fetch", fetch)
    monkeypatch.setattr("eyebright.report.sheets.MAX_SHOWN", 4)
    addresses = [f"https://example.org/{number}.png" for number in range(150)]
    finished = eyebright("predict", run, *addresses, "--figure", tmp_path / "drawn.png")
    assert finished.code == 0 and "the first 4 of 150" in finished.err
    assert sorted(fetched) == sorted(addresses)  # each once
    assert max(most) <= 4 + 64 + 32 + 8  # drawn, opened ahead, in a batch, and being opened


def test_an_address_is_fetched(run, picture, eyebright, server):
    local, remote = (
        eyebright("predict", run, picture, "--json"),
        eyebright("predict", run, f"{server}/003.png", "--json"),
    )
    assert json.loads(remote.out)["probabilities"] == json.loads(local.out)["probabilities"]


def test_an_address_that_does_not_answer_is_a_row(run, picture, eyebright, server):
    finished = eyebright("predict", run, f"{server}/nothing.png", picture)
    assert finished.code == 1
    assert "404" in finished.out
    assert " red " in finished.out


def test_a_dash_reads_standard_input(run, picture, eyebright, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    assert "belongs to red" in eyebright("predict", run, "-").out


def test_a_figure_is_blue_or_red_where_the_folder_is_the_true_class(run, picture, eyebright, tmp_path):
    wrong = tmp_path / "elsewhere" / "blue" / "really_red.png"
    wrong.parent.mkdir(parents=True)
    shutil.copy(picture, wrong)
    colors = {}
    for name, path in {"right": picture, "wrong": wrong}.items():
        assert eyebright("predict", run, path, "--figure", tmp_path / f"{name}.png").code == 0
        with Image.open(tmp_path / f"{name}.png") as figure:
            pixels = np.asarray(figure.convert("RGB")).reshape(-1, 3)
        colors[name] = {kind for kind, rgb in {"blue": (43, 108, 176), "red": (197, 48, 48)}.items()
                        if (pixels == rgb).all(axis=1).sum() > 500}  # fmt: skip
    assert colors == {"right": {"blue"}, "wrong": {"red"}}


def test_a_figure_never_replaces_an_image(run, picture, eyebright, tmp_path):
    before = picture.read_bytes()
    for figure, words in ((picture, "already exists"), (picture.with_suffix(".jpg"), "expects a PNG file")):
        finished = eyebright("predict", run, picture, "--figure", figure)
        assert finished.code == 1
        assert words in finished.err
    assert picture.read_bytes() == before


def test_json_has_unchanged_names(run, picture, eyebright, tmp_path):
    odd = tmp_path / "line\nbreak 👩\u200d🌾.png"
    shutil.copy(picture, odd)
    assert json.loads(eyebright("predict", run, odd, "--json").out)["name"] == str(odd)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "run without a model"),
        (lambda model: (model / "network.onnx").unlink(), "network.onnx is missing"),
        (lambda model: (model / "weights.safetensors").write_bytes(b"x"), "was altered"),
        (lambda model: (model / "model.json").write_text('{"format": 99}'), "update eyebright"),
        (lambda model: (model / "model.json").write_text("{"), "cannot be read"),
    ],
)
def test_a_damaged_model_is_refused(damage, words, run, picture, eyebright):
    damage(run / "model")
    finished = eyebright("predict", run, picture)
    assert finished.code == 1
    assert words in finished.err
    assert "Traceback" not in finished.err


def test_a_folder_without_a_model_is_refused(eyebright, tmp_path):
    assert "does not exist" in eyebright("predict", tmp_path / "nowhere", "x.png").err
    assert "is not a model" in eyebright("predict", tmp_path, "x.png").err


def test_only_one_of_json_and_csv_can_be_used(run, picture, eyebright):
    finished = eyebright("predict", run, picture, "--json", "--csv")
    assert finished.code == 1
    assert "use only one of --json and --csv" in finished.err


def test_an_empty_folder_is_an_error(run, eyebright, tmp_path):
    (tmp_path / "empty").mkdir()
    finished = eyebright("predict", run, tmp_path / "empty")
    assert finished.code == 1
    assert "there are no images in" in finished.err


NAMES = {
    "flowers": ["daisy", "dandelion", "roses", "sunflowers", "tulips"],
    "chinese": ["雏菊", "蒲公英", "玫瑰", "很长的名字" * 20],
    "emoji": ["🌻", "🌹", "🌷" * 40],
    "long": [f"{'a' * 80}{index}" for index in range(12)],
    "two": ["a", "b"],
}


def prediction(shares: dict[str, float]) -> Prediction:
    label, confidence = next(iter(shares.items()))
    return Prediction(name="x.jpg", label=label, confidence=confidence, probabilities=shares)


def test_a_prediction_is_a_sentence_and_bars():
    text = prediction_text(prediction({"sunflowers": 0.97314, "roses": 0.02, "tulips": 0.00686}), 2)
    sentence, first, second = text.splitlines()
    assert sentence == "This image most likely belongs to sunflowers with a 97.31 percent confidence."
    assert re.fullmatch(r" +sunflowers +97\.31% +█{29}", first)
    assert re.fullmatch(r" +roses +2\.00% +█", second)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_bars_of_a_prediction_fit_80_columns_and_are_aligned(names):
    bars = prediction_text(prediction(dict(zip(names, [1.0, *[0.0] * len(names)], strict=False))), 5).splitlines()[1:]
    assert len(bars) == min(len(names), 5)
    assert max(map(cell_len, bars)) <= 80
    assert bars[0].endswith("█" * 30)
    assert len({cell_len(bar[: bar.index("%")]) for bar in bars}) == 1


def test_the_answers_for_ten_images_are_counted(strict, picture, eyebright):
    assert eyebright("predict", strict, *[picture] * 10).err.startswith("10 images: no answer (10)\n")
    assert "(10)" not in eyebright("predict", strict, *[picture] * 10, "--csv").err


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[2Jclear the screen", "vt\x0b"])
def test_control_characters_in_a_predicted_class_are_escaped(name):
    lines = prediction_text(prediction({name: 0.9, "plain": 0.1}), 5).split("\n")
    assert len(lines) == 3 and all(line.isprintable() for line in lines)


UNLIKE = r"unlike the training images \(unfamiliarity [\d,]+\.\d, limit 1\.0\)"


def test_an_image_unlike_the_training_images_gets_no_class(strict, picture, eyebright, tmp_path):
    finished = eyebright("predict", strict, picture)
    assert finished.code == 0
    assert re.match(rf"No answer: {UNLIKE}\.\nThe most probable of", finished.out)
    table = eyebright("predict", strict, picture, picture)
    assert all(re.search(r"  no answer: unlike training \(\d+\.\d\d\)$", line) for line in table.out.splitlines())
    assert table.err == "2 images are unlike the training images (unfamiliarity above 1.0): no answer.\n"
    answer = json.loads(eyebright("predict", strict, picture, "--json").out)
    assert answer["label"] is None and answer["reason"] == "unlike the training images"
    assert answer["unfamiliarity"] > 1 and max(answer["probabilities"], key=answer["probabilities"].get) == "red"
    (row,) = csv.DictReader(io.StringIO(eyebright("predict", strict, picture, "--csv").out))
    assert (row["label"], row["reason"]) == ("", "unlike the training images")
    assert float(row["unfamiliarity"]) == pytest.approx(answer["unfamiliarity"], rel=1e-4)
    assert eyebright("predict", strict, picture, "--figure", tmp_path / "sheet.png").code == 0


def test_a_set_of_labels_is_reported_wherever_an_answer_is(run, picture, eyebright, tmp_path):
    stored = read_model(run)
    either = Promised(promise="coverage=0.9", limits=(2.0,), images=50, answered=1.0)  # above any score
    model = eb.load(run)
    model.learned = msgspec.structs.replace(model.learned, promise=either)
    model.save(tmp_path / "sets")
    best = list(json.loads(eyebright("predict", stored.path, picture, "--json").out)["probabilities"])
    answer = json.loads(eyebright("predict", tmp_path / "sets", picture, "--json").out)
    assert answer["labels"] == best
    among = " or ".join(best)
    found = eyebright("predict", tmp_path / "sets", picture).out.splitlines()
    assert found[0] == f"The set of labels of this image: {among}." and len(found) == 4
    table = eyebright("predict", tmp_path / "sets", picture, picture).out.splitlines()
    assert all(line.endswith(f"  {among}") and cell_len(line) < 80 for line in table)
    (row,) = csv.DictReader(io.StringIO(eyebright("predict", tmp_path / "sets", picture, "--csv").out))
    assert (row["label"], row["labels"], row["error"]) == (best[0], among, "")
    assert f"labels={tuple(best)!r}" in repr(eb.load(tmp_path / "sets").predict(picture))


def test_a_model_that_does_not_know_its_training_images_says_so_once(picture, eyebright, tmp_path):
    eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["red", "green", "blue"]).save(tmp_path / "model")
    finished = eyebright("predict", tmp_path / "model", picture, picture)
    assert finished.err.count("gives an answer for every image") == 1
    assert "no answer" not in finished.out
