import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyebright as eb


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal in which the tests run."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of the flowers network for small pictures."""
    eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["daisy", "rose", "tulip"]).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_model_is_shown_layer_by_layer(model, eyebright) -> None:
    finished = eyebright("inspect", model)
    assert finished.code == 0
    lines = finished.out.splitlines()
    assert lines[1].split() == ["layer", "type", "kernel", "stride", "pad", "output", "params", "adds", "sees"]
    assert any(line.split() == ["conv_1", "Conv2d", "3", "1", "same", "16x16x16", "448", "111k", "3"] for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_name_is_shown_for_the_size_and_classes_that_are_asked_for(eyebright) -> None:
    """Keras's tutorial network has 3,989,285 parameters for 180 pixels and 5 classes; each class takes 129."""
    assert "3,989,285 parameters" in eyebright("inspect", "flowers_cnn").out
    assert f"{3_989_285 + 2 * 129:,} parameters" in eyebright("inspect", "flowers_cnn", "--classes", "7").out
    assert "3x64x64" in eyebright("inspect", "resnet18", "--size", "64").out


def test_a_file_of_json_is_shown(tmp_path, eyebright) -> None:
    (tmp_path / "net.json").write_text(eb.zoo.lenet5().to_json())
    assert "c1 " in eyebright("inspect", tmp_path / "net.json").out


def test_a_wide_terminal_gets_all_digits(eyebright, monkeypatch) -> None:
    assert "118,013,952" not in eyebright("inspect", "resnet18").out
    monkeypatch.setenv("COLUMNS", "160")
    assert "118,013,952" in eyebright("inspect", "resnet18").out


def test_a_narrow_terminal_gets_80_columns_too(eyebright, monkeypatch) -> None:
    wide = eyebright("inspect", "lenet5").out
    monkeypatch.setenv("COLUMNS", "40")
    assert eyebright("inspect", "lenet5").out == wide


def test_json_holds_every_layer_and_the_totals(eyebright) -> None:
    summary = json.loads(eyebright("inspect", "resnet18", "--json").out)
    assert (summary["parameters"], summary["multiply_adds"]) == (11_689_512, 1_814_073_344)
    (stem,) = (layer for layer in summary["layers"] if layer["name"] == "conv1")
    assert stem["shape"] == [64, 112, 112]
    assert stem["receptive_field"] == [7, 7]
    assert stem["settings"]["stride"] == 2


def test_kernels_are_drawn(model, eyebright, tmp_path) -> None:
    finished = eyebright("inspect", model, "--kernels", "conv_1", "-o", tmp_path / "kernels.png")
    assert (finished.code, finished.out) == (0, "")
    assert str(tmp_path / "kernels.png") in finished.err
    with Image.open(tmp_path / "kernels.png", formats=["PNG"]) as figure:
        assert len(figure.convert("RGB").getcolors(1_000_000)) > 100


@pytest.mark.parametrize("layer", ["conv_2", "dense_2"])
def test_the_activations_of_a_layer_are_drawn(layer, model, photo, eyebright, tmp_path) -> None:
    finished = eyebright("inspect", model, "--activations", photo, "--layer", layer, "-o", tmp_path / "maps.png")
    assert finished.code == 0, finished.err
    with Image.open(tmp_path / "maps.png", formats=["PNG"]) as figure:
        assert figure.width > 500


def test_the_title_of_a_figure_says_when_the_weights_are_not_trained(eyebright, tmp_path, monkeypatch) -> None:
    titles = []
    monkeypatch.setattr("eyebright.report.maps.draw_kernels", lambda kernels, title: titles.append(title) or b"")
    eyebright("inspect", "lenet5", "--kernels", "c1", "-o", tmp_path / "kernels.png")
    assert titles == ["c1 (not trained)"]


def test_the_output_of_a_classifier_is_drawn_with_its_classes(model, photo, eyebright, tmp_path, monkeypatch) -> None:
    found = {}
    monkeypatch.setattr(
        "eyebright.report.maps.draw_maps", lambda *arrays, title, names: found.update({title: names}) or b""
    )
    for layer in ("dense_1", "dense_2"):
        eyebright("inspect", model, "--activations", photo, "--layer", layer, "-o", tmp_path / f"{layer}.png")
    assert found == {"dense_1": (), "dense_2": ("daisy", "rose", "tulip")}


def test_a_diagram_is_drawn(eyebright, tmp_path) -> None:
    finished = eyebright("inspect", "lenet5", "--diagram", tmp_path / "lenet5.svg", "--depth", "2")
    assert finished.code == 0, finished.err
    assert "<svg" in (tmp_path / "lenet5.svg").read_text()


def test_netron_is_opened_on_the_models_graph(model, eyebright, monkeypatch) -> None:
    shown = []
    netron = types.SimpleNamespace(start=lambda file: shown.append(file) or ("localhost", 8081), wait=lambda: None)
    monkeypatch.setitem(sys.modules, "netron", netron)
    finished = eyebright("inspect", model, "--netron")
    assert finished.code == 0
    assert shown == [str(model / "network.onnx")]
    assert "http://localhost:8081" in finished.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lenet55"], "did you mean 'lenet5'"),
        (["lenet5", "--json", "--kernels", "c1"], "use only one of --json and --kernels"),
        (["lenet5", "--diagram", "a.svg", "--netron"], "use only one of --diagram and --netron"),
        (
            ["lenet5", "--kernels", "c1", "--activations", "a.jpg", "-o", "x.png"],
            "use only one of --kernels and --activations",
        ),
        (["lenet5", "--kernels", "c1"], "--kernels needs -o, as in --kernels conv_1 -o kernels.png"),
        (["lenet5", "--activations", "a.jpg", "-o", "x.png"], "--activations needs --layer"),
        (["lenet5", "--activations", "a.jpg", "--layer", "c1"], "--activations needs -o"),
        (["lenet5", "-o", "x.png"], "-o is only used with --kernels or --activations"),
        (["lenet5", "--layer", "c1"], "--layer is only used with --activations"),
        (["lenet5", "--depth", "2"], "--depth is only used with --diagram"),
        (["lenet5", "--weights", "x.pth"], "--weights is only used with --kernels or --activations or --netron"),
        (["lenet5", "--kernels", "c1_than", "-o", "x.png"], "no layer 'c1_than': did you mean 'c1_tanh'?"),
        (["lenet5", "--kernels", "s2", "-o", "x.png"], "the convolutions are c1, c3"),
        (["lenet5", "--kernels", "c1", "-o", "x.jpg"], "expected a file name ending in .png, got x.jpg: use x.png"),
        (["lenet5", "--diagram", "x.png"], "expected a file name ending in .svg, got x.png: use x.svg"),
        (["lenet5", "--kernels", "c1", "-o", "nowhere/x.png"], "the folder nowhere does not exist"),
        (["lenet5", "--activations", "a.jpg", "--layer", "c1", "-o", "x.png"], "a.jpg: file not found"),
        (
            ["lenet5", "--kernels", "c1", "-o", "x.png", "--weights", "published"],
            "no weights are published for 'lenet5'",
        ),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(arguments, words, eyebright, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    finished = eyebright("inspect", *arguments)
    assert (finished.code, finished.out) == (1, "")
    assert words in finished.err
    assert "Traceback" not in finished.err
    assert not list(tmp_path.iterdir())


def test_a_figure_replaces_a_file_only_with_overwrite(eyebright, tmp_path) -> None:
    place = tmp_path / "kernels.png"
    place.write_bytes(b"mine")
    finished = eyebright("inspect", "lenet5", "--kernels", "c1", "-o", place)
    assert finished.code == 1
    assert "already exists: use another name, or pass --overwrite" in finished.err
    assert place.read_bytes() == b"mine"
    assert eyebright("inspect", "lenet5", "--kernels", "c1", "-o", place, "--overwrite").code == 0
    assert place.read_bytes().startswith(b"\x89PNG")


def test_a_figure_never_replaces_the_image(model, photo, eyebright) -> None:
    before = photo.read_bytes()
    finished = eyebright("inspect", model, "--activations", photo, "--layer", "conv_1", "-o", photo, "--overwrite")
    assert "is the image itself: choose another name for the figure" in finished.err
    assert photo.read_bytes() == before


def test_the_layers_of_a_detector_are_listed(detector, tmp_path, eyebright) -> None:
    assert "6x8x8" in eyebright("inspect", detector).out  # two classes and four sides, at stride 8
    drawn = eyebright("inspect", detector, "--diagram", tmp_path / "network.svg")
    assert drawn.code == 0 and "<svg" in (tmp_path / "network.svg").read_text()
