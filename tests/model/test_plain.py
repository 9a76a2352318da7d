"""The folder of a network with its weights and nothing else."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from eyebright import files
from eyebright.errors import ModelError, OutputError
from eyebright.model import is_plain, read_plain, write_plain
from eyebright.network import Input, Linear, Network, ReLU, initial_weights

NETWORK = Network.sequential(Input((3,)), Linear(4, name="dense_1"), ReLU(), Linear(2, name="dense_2"))
WEIGHTS = initial_weights(NETWORK, seed=1)
FILES = ("weights.safetensors", "network.onnx")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    write_plain(tmp_path / "plain", NETWORK, WEIGHTS, b"a graph")
    return tmp_path / "plain"


@pytest.fixture
def edit(plain: Path) -> Callable[..., None]:
    """Change the folder's card."""

    def edit(**changes: object) -> None:
        card = json.loads((plain / "plain.json").read_text())
        (plain / "plain.json").write_text(json.dumps(card | changes))

    return edit


@pytest.fixture
def replace(plain: Path, edit: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Replace one file and enter its right checksum."""

    def replace(name: str, content: bytes) -> None:
        (plain / name).write_bytes(content)
        edit(sha256={file: hashlib.sha256((plain / file).read_bytes()).hexdigest() for file in FILES})

    return replace


def test_the_folder_holds_what_it_says(plain):
    assert {file.name for file in plain.iterdir()} == {"plain.json", *FILES}
    card = json.loads((plain / "plain.json").read_text())
    assert card["format"] == 1
    assert [layer["type"] for layer in card["network"]["layers"]] == ["Input", "Linear", "ReLU", "Linear"]
    assert card["sha256"] == {name: hashlib.sha256((plain / name).read_bytes()).hexdigest() for name in FILES}
    assert (plain / "network.onnx").read_bytes() == b"a graph"
    stored = load_file(plain / "weights.safetensors")
    assert all(stored[name].tobytes() == values.tobytes() for name, values in WEIGHTS.items())


def test_network_and_weights_come_back(plain):
    assert is_plain(plain)
    network, weights = read_plain(plain)
    assert network == NETWORK
    assert {name: values.tobytes() for name, values in weights.items()} == {
        name: values.tobytes() for name, values in WEIGHTS.items()
    }


@pytest.mark.parametrize("name", ["nowhere", "nul\0"])
def test_a_path_that_is_not_there_is_explained(tmp_path, name):
    with pytest.raises(ModelError, match=r"does not exist: give a folder that Model\.save made|cannot be read"):
        read_plain(tmp_path / name)


def test_a_path_longer_than_the_system_allows_is_explained(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read|does not exist"):
        read_plain(tmp_path / ("n" * 300))


def test_any_other_folder_is_no_plain_model(tmp_path):
    with pytest.raises(ModelError, match=r"is no plain model: it holds no plain\.json"):
        read_plain(tmp_path)


def test_the_folder_of_a_classifier_is_named_as_such(saved):
    with pytest.raises(ModelError, match=r"holds a classifier: read it with eyebright\.load"):
        read_plain(saved)


@pytest.mark.parametrize("name", FILES)
def test_an_incomplete_folder_says_what_is_missing(plain, name):
    (plain / name).unlink()
    with pytest.raises(ModelError, match=f"incomplete: {name} is missing; copy the whole folder again"):
        read_plain(plain)


@pytest.mark.parametrize("name", FILES)
def test_one_altered_bit_is_noticed(plain, name):
    content = bytearray((plain / name).read_bytes())
    content[-1] ^= 1
    (plain / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} was altered: its SHA-256 is not the one in plain\.json"):
        read_plain(plain)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, "is of format 2, this eyebright reads up to 1: update eyebright"),
        (0, "of format 0, which never was"),
        ("1", "Expected `int`"),
    ],
)
def test_a_folder_of_another_format_is_refused(plain, edit, number, words):
    edit(format=number, something="new")
    with pytest.raises(ModelError, match=words):
        read_plain(plain)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"netwrok": {}}, "did you mean 'network'"),
        (
            {"network": {"format": 1, "layers": [{"type": "Linaer", "name": "a"}], "output": "a"}},
            "did you mean 'Linear'",
        ),
        ({"network": {"format": 9, "layers": [], "output": ""}}, "format 9"),
        ({"sha256": {}}, "was altered"),
    ],
)
def test_a_card_that_does_not_fit_is_explained(plain, edit, changes, words):
    edit(**changes)
    with pytest.raises(ModelError, match=words):
        read_plain(plain)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_card_that_is_no_card_is_explained(plain, text):
    (plain / "plain.json").write_text(text)
    with pytest.raises(ModelError, match=r"plain\.json cannot be read"):
        read_plain(plain)


def test_weights_of_other_shapes_are_all_listed(plain, replace):
    wrong = WEIGHTS | {"dense_1.bias": np.zeros(9, np.float32), "more": np.zeros(1, np.float32)}
    wrong.pop("dense_2.bias")
    replace("weights.safetensors", save(wrong))
    with pytest.raises(
        ModelError,
        match=r"not sound.*missing \(dense_2\.bias\).*unexpected \(more\).*dense_1\.bias: expected \(4,\), got \(9,\)",
    ):
        read_plain(plain)


def test_weights_that_are_no_safetensors_are_refused(plain, replace):
    replace("weights.safetensors", b"not at all")
    with pytest.raises(ModelError, match="is damaged, or no safetensors file"):
        read_plain(plain)


def test_weights_that_are_no_numbers_come_with_a_warning(plain, replace):
    replace("weights.safetensors", save(WEIGHTS | {"dense_1.bias": np.full(4, np.inf, np.float32)}))
    with pytest.warns(UserWarning, match=r"no finite numbers, in dense_1\.bias"):
        read_plain(plain)


def test_a_folder_that_eyebright_did_not_make_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(OutputError, match="left alone"):
        write_plain(tmp_path / "mine", NETWORK, WEIGHTS, b"", overwrite=True)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_crash_between_two_renames_loses_nothing(plain):
    shutil.move(plain, files.aside_of(plain))
    assert read_plain(plain)[0] == NETWORK
