"""The examples run, print what their docstrings promise, and use public names only."""

import ast
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests import warm

import eyebright

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
DOORS = {"eyebright", "eyebright.network", "eyebright.network.onnx", "eyebright.network.torch",
         "eyebright.model", "eyebright.data.batches", "eyebright.data.dataset"}  # fmt: skip


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs an example in an empty folder and returns what it prints; a warning is an error."""

    def run(name: str, *arguments: str, data: Path | None = None) -> str:
        file = next(path for path in EXAMPLES if path.stem == name)
        if data is not None:
            monkeypatch.setenv("EYEBRIGHT_DATA", str(data))
        (tmp_path / "here").mkdir()
        code, printed = warm.run(arguments, tmp_path / "here", script=file)
        assert code == 0, printed.decode()
        return printed.decode()

    return run


@pytest.fixture
def few_pictures(make_folder: Callable[..., Path], tmp_path: Path) -> Path:
    """A few photos of flowers and images of clothes, or coloured noise if there are none."""
    if "EYEBRIGHT_DATA" not in os.environ:
        make_folder("data/fashion/folder")
        make_folder("data/flowers", count=8)
        return tmp_path / "data"
    for name, count in (("fashion/folder", 9), ("flowers", 6)):
        for folder in Path(os.environ["EYEBRIGHT_DATA"], name).iterdir():
            (tmp_path / "data" / name / folder.name).mkdir(parents=True)
            for file in sorted(folder.iterdir())[:count]:
                shutil.copy(file, tmp_path / "data" / name / folder.name)
    return tmp_path / "data"


def share_after(words: str, text: str) -> float:
    return float(text.split(words)[1].split("%")[0])


def test_saved_models_networks_and_weights_load_the_same(example, tmp_path):
    text = example("save_and_load")
    assert "predicts the same bit by bit: True" in text
    assert "the same network from its JSON: True" in text
    assert "the same layer from its data: True" in text
    assert "6 tensors fit" in text
    assert "features now has the weights of dense_1: True" in text
    random = np.random.default_rng(0)
    samples, targets = random.random((128, 32), np.float32), random.random((128, 1), np.float32)
    design = np.c_[samples, np.ones(128)].astype(np.float64)
    residual = targets - design @ np.linalg.solve(design.T @ design, design.T @ targets)  # the normal equations
    error = float(text.split("mean squared error ")[1].split()[0])
    assert np.mean(residual**2) - 1e-4 < error < 1.1 * np.mean(residual**2)
    shapes = {name: values.shape for name, values in load_file(tmp_path / "here" / "ckpt.safetensors").items()}
    assert shapes == {
        "dense_1.weight": (64, 784), "dense_1.bias": (64,), "dense_2.weight": (64, 64), "dense_2.bias": (64,),
        "predictions.weight": (10, 64), "predictions.bias": (10,),
    }  # fmt: skip


def test_the_perceptron_prints_accuracies_after_each_epoch(example, few_pictures):
    text = example("fashion", "2", data=few_pictures)
    classes = len(list((few_pictures / "fashion" / "folder").iterdir()))
    assert f"{128 * (28 * 28 + 1) + classes * (128 + 1):,} parameters" in text
    assert "epoch 1: training accuracy" in text
    assert "epoch 2: training accuracy" in text
    assert 0 <= share_after("Test accuracy ", text) <= 100


def test_the_perceptron_learns_real_clothes(example, real_pictures):
    assert share_after("Test accuracy ", example("fashion", data=real_pictures)) > 60  # ten classes: by chance 10


def test_flowers_are_trained_with_and_without_augmentation(example, few_pictures, tmp_path):
    text = example("flowers", "1", data=few_pictures)
    assert "plain: training accuracy" in text
    assert "augmented: training accuracy" in text
    assert "This image most likely belongs to" in text
    assert all((tmp_path / "here" / f"{name}_run" / "curves.png").is_file() for name in ("plain", "augmented"))


def test_a_layer_of_ones_own_is_described_computed_and_learned(example):
    text = example("own_layer")
    assert "{'type': 'PReLU', 'name': 'bend'}" in text
    assert "[[-0.5  -0.25  0.    1.  ]]" in text  # 0.25 x below 0
    assert share_after("test accuracy ", text) == 100
    assert float(text.split("learned slope: ")[1]) != 0


def test_a_training_step_of_ones_own_takes_twenty_lines_and_makes_a_whole_model(example, tmp_path):
    text = example("own_training_step")
    losses = [float(line.split("loss ")[1]) for line in text.splitlines() if line.startswith("epoch")]
    assert len(losses) == 5 and losses[-1] < losses[0] / 2
    assert share_after("test accuracy ", text) >= 90
    assert "on 30 images" in text  # 15% of 200: the whole test set, since the model was trained on none of it
    loaded = eyebright.load(tmp_path / "here" / "mine")
    assert loaded.predict(np.full((32, 32, 3), 230, np.uint8)).label == "bright"
    source = next(path for path in EXAMPLES if path.stem == "own_training_step").read_text(encoding="utf-8")
    own = source.partition("# ---\n")[2].partition("# ---\n")[0]
    assert 10 < len([line for line in own.splitlines() if line.strip()]) <= 20


def test_looking_inside_finds_the_receptive_field(example):
    text = example("looking_inside")
    assert "conv_1 has 16 kernels of shape (3, 3, 3)" in text
    assert "for an image (64, 64, 3), relu_1 gives 16 feature maps (64, 64)" in text
    assert "that value is the same: True; its neighbour is the same: False" in text


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_say_how_to_run_them_and_use_public_names_only(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert f"python examples/{file.name}" in str(ast.get_docstring(tree))
    assert "you should see" in " ".join(str(ast.get_docstring(tree)).split()).lower()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names if alias.name.startswith("eyebright")} <= DOORS
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("eyebright"):
            assert node.module in DOORS
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")
            if isinstance(node.value, ast.Name) and node.value.id == "eb":
                assert node.attr in eyebright.__all__
