import json

import pytest
from PIL import Image

from eyebright.network import Flatten, Input, Linear, Network, Normalize, initial_weights
from eyebright.network.keras import to_keras


@pytest.fixture
def file(tmp_path):
    """A model of Keras for two classes, with their names beside it."""
    network = Network.sequential(Input((3, 4, 6)), Normalize(127.5, 127.5), Flatten(), Linear(2))
    (tmp_path / "model.keras").write_bytes(to_keras(network, initial_weights(network)))
    (tmp_path / "labels.txt").write_text("0 daisy\n1 rose\n")
    return tmp_path / "model.keras"


def test_a_model_is_imported_and_predicts(file, tmp_path, eyebright):
    out = tmp_path / "out"
    finished = eyebright("import", file, "-o", out, "--resize", "crop")
    assert finished.out.splitlines() == [
        "Imported model.keras (Keras 3.15.1): 2 classes, images of 6x4 pixels.",
        f"Model saved: {out}",
        f"To check it: eyebright evaluate {out} PICTURES",
    ]
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert json.loads(eyebright("predict", out, tmp_path / "a.png", "--json").out)["label"] in ("daisy", "rose")


def test_the_result_as_json(file, tmp_path, eyebright):
    found = json.loads(eyebright("import", file, "-o", tmp_path / "out", "--json").out)
    assert found == {
        "model": str(tmp_path / "out"), "imported": "model.keras (Keras 3.15.1)", "classes": ["daisy", "rose"],
        "size": [4, 6], "resize": "stretch", "parameters": 4 * 6 * 3 * 2 + 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resize", "fill"], "unknown resize mode 'fill'"),
        (["--size", "large"], "expected --size 224, or height x width as in --size 224x192, got 'large'"),
        (["--scale", "0-1"], "leave out --scale 0-1"),
        (["--classes", "none.txt"], "none.txt cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_reported(file, tmp_path, eyebright, options, message):
    finished = eyebright("import", file, "-o", tmp_path / "out", *options)
    assert finished.code == 1 and message in finished.err and not (tmp_path / "out").exists()
