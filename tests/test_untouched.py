"""Nothing of the user's is written to: no command changes a name, a byte or a time of what it is given."""

import hashlib
import itertools
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.cli.app import app

TINY = ["--epochs", "1", "--size", "8", "--batch-size", "16", "--network", "mlp", "--precision", "float32"]


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """For each file, folder and link: what it is, when it was written to, and a digest of its content."""
    told: dict[str, tuple[object, ...]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        digest = hashlib.sha256(content).hexdigest()
        name = str(path.relative_to(root))
        told[name] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, digest)
    return told


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All forms of pictures, with a copy, a broken file and a link among them, and a finished run."""
    root = tmp_path_factory.mktemp("user") / "inputs"
    random = np.random.default_rng(5)
    names, pixels = [], []
    for number in range(24):
        path = root / "folder" / ("red", "blue")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels.append(random.integers(0, 256, (16, 16, 3), np.uint8))
        Image.fromarray(pixels[-1]).save(path)
        names.append(str(path.relative_to(root)))
    shutil.copy(root / names[0], root / "folder" / "red" / "again.png")
    (root / "folder" / "red" / "broken.jpg").write_bytes(b"no picture")
    (root / "folder" / "red" / "link.png").symlink_to("00.png")
    lines = [f"{name},{Path(name).parent.name}" for name in names]
    (root / "table.csv").write_text("path,class\n" + "\n".join(lines))
    np.savez_compressed(root / "arrays.npz", images=np.stack(pixels), labels=[Path(name).parent.name for name in names])
    (root / "idx").mkdir()
    labels = np.arange(24, dtype=np.uint8) % 2
    for name, values in (("images-idx3", np.stack(pixels)[..., 0]), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
        (root / "idx" / f"train-{name}-ubyte").write_bytes(head + values.tobytes())
    with tarfile.open(root / "shard.tar", "w") as tar:
        for name in names:
            tar.add(root / name, name)
    shutil.copytree(root / "folder", root / "listed", symlinks=True)
    (root / "listed" / "metadata.jsonl").write_text('{"file_name": "red/00.png", "text": "noise"}\n')
    (root / "network.json").write_text(_network())
    return root


def _network() -> str:
    from eyebright.network import zoo

    return zoo.mlp(2, input_size=8).to_json()


@pytest.fixture
def untouched(inputs: Path, eyebright: Callable[..., object]) -> Callable[..., object]:
    """Runs a command, and compares what is in `inputs` before and after."""

    def untouched(*arguments: str | Path, code: int = 0) -> object:
        before = state(inputs)
        finished = eyebright(*arguments)
        assert finished.code == code, finished.err
        assert state(inputs) == before
        return finished

    return untouched


def test_a_change_of_any_kind_would_be_seen(inputs, tmp_path):
    root = shutil.copytree(inputs, tmp_path / "copy", symlinks=True)
    states = [state(root)]
    for change in (
        (root / "table.csv").touch,
        lambda: (root / "folder" / "new").write_bytes(b""),
        (root / "folder" / "new").unlink,
        lambda: (root / "arrays.npz").write_bytes((root / "arrays.npz").read_bytes()[:-1] + b"x"),
    ):
        change()
        states.append(state(root))
    assert all(earlier != later for earlier, later in itertools.pairwise(states))


def test_training_only_reads_the_pictures(untouched, inputs, tmp_path):
    run, pictures, findings = tmp_path / "run", inputs / "folder", tmp_path / "audit.json"
    untouched("train", pictures, "-o", run, *TINY)
    untouched("audit", pictures, "-o", findings, "--page", tmp_path / "audit.html")
    untouched("train", pictures, "-o", run, "--overwrite", "--exclude", findings, *TINY)
    shutil.copy(run / "split.csv", inputs / "split.csv")
    untouched("train", pictures, "-o", tmp_path / "two", "--split", inputs / "split.csv", *TINY)
    for refused in (pictures / "run", pictures, inputs):
        untouched("train", pictures, "-o", refused, "--overwrite", *TINY, code=1)
    untouched("audit", pictures, "-o", pictures / "audit.json", code=1)


def test_the_figure_of_a_learning_rate_lands_on_no_picture(untouched, inputs, tmp_path):
    pictures, other = inputs / "folder", inputs / "listed" / "red" / "00.png"
    for figure, words in (
        (pictures / "red" / "00.png", "already exists"),
        (pictures / "red" / "rate.png", "inside the folder of images"),
        (other, "already exists"),
        (tmp_path / "missing" / "rate.png", "does not exist"),
    ):
        assert words in untouched("train", pictures, "--find-lr", "-o", figure, *TINY, code=1).err
    taken = ["--find-lr", "-o", pictures / "red" / "00.png", "--overwrite"]
    assert "inside the folder of images" in untouched("train", pictures, *taken, *TINY, code=1).err


@pytest.mark.parametrize("source", ["table.csv", "arrays.npz", "idx", "shard.tar", "listed"])
def test_other_sources_are_only_read(untouched, inputs, tmp_path, source):
    untouched("train", inputs / source, "-o", tmp_path / "run", *TINY)
    untouched("audit", inputs / source)


def test_models_and_networks_are_only_read(untouched, inputs, tmp_path, eyebright):
    assert eyebright("train", inputs / "folder", "-o", inputs / "run", *TINY).code == 0
    shutil.copytree(inputs / "run" / "model", inputs / "model")  # a run writes down who has looked, a model does not
    model, picture, drawn = inputs / "model", inputs / "folder" / "red" / "00.png", tmp_path / "drawn.png"
    untouched("predict", model, inputs / "folder", code=1)  # one file is broken
    untouched("predict", inputs / "run", picture, "--figure", drawn)
    untouched("predict", inputs / "run", picture, "--figure", drawn, "--overwrite")
    other = inputs / "listed" / "red" / "00.png"
    for looked_at, taken, words in (
        (picture, picture, "already exists"),
        (inputs / "folder", picture, "already exists"),
        (picture, other, "already exists"),
        (inputs / "folder", inputs / "folder" / "sheet.png", "inside the folder of images"),
        (picture, tmp_path / "missing" / "drawn.png", "does not exist"),
    ):
        assert words in untouched("predict", model, looked_at, "--figure", taken, code=1).err
    for looked_at in (picture, inputs / "folder"):
        untouched("predict", model, looked_at, "--figure", picture, "--overwrite", code=1)
    untouched("evaluate", model, inputs / "arrays.npz")
    untouched("inspect", model)
    untouched("inspect", inputs / "network.json", "--diagram", tmp_path / "drawn.svg")
    untouched("inspect", model, "--activations", picture, "--layer", "relu_1", "-o", tmp_path / "maps.png")
    untouched("train", "--resume", inputs / "run", code=1)  # it is complete
    untouched("train", inputs / "folder", "-o", tmp_path / "run", "--weights", model / "weights.safetensors", *TINY)
    untouched("arithmetic", "conv", "--input", "8x8x3")
    untouched("networks")
    untouched("cache")
    untouched("cache", "--remove", "all")


def test_every_command_is_here():
    """Whoever adds a command adds it to the tests above."""
    commands = {command.callback.__name__ for command in app.registered_commands} | {
        group.name for group in app.registered_groups
    }
    tested = {"train", "evaluate", "predict", "audit", "networks", "inspect", "cache", "arithmetic", "explain"}
    takes_nothing = {"fetch", "demo"}  # they take no pictures and no model
    assert commands == tested | takes_nothing
