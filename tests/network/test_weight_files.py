import json
import os
import struct
import sys
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from eyebright.network import (
    load_weights,
    save_weights,
)
from eyebright.system.errors import MissingExtraError, NetworkError, OutputError

WEIGHTS = {"head.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "head.bias": np.array([0.5, -1], np.float32)}


def alike(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)
    return True


class Intruder:
    """Creates a folder when it is unpickled without protection."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


def test_weights_survive_a_file_and_the_suffix_is_added(tmp_path):
    file = save_weights(tmp_path / "ckpt", WEIGHTS)
    assert file == tmp_path / "ckpt.safetensors"
    assert alike(load_weights(tmp_path / "ckpt"), WEIGHTS) and alike(load_weights(str(file)), WEIGHTS)


def test_the_suffix_is_not_added_twice_and_follows_any_other(tmp_path):
    assert save_weights(tmp_path / "a.safetensors", WEIGHTS).name == "a.safetensors"
    assert save_weights(tmp_path / "epoch.12", WEIGHTS).name == "epoch.12.safetensors"
    assert alike(load_weights(tmp_path / "epoch.12"), WEIGHTS)


def test_the_file_follows_the_published_format(tmp_path):
    """Eight bytes with the header's length, a JSON header, then the values in little endian."""
    content = save_weights(tmp_path / "ckpt", WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, values = json.loads(content[8 : 8 + length]), content[8 + length :]
    for name, expected in WEIGHTS.items():
        begin, end = header[name]["data_offsets"]
        assert (header[name]["dtype"], header[name]["shape"]) == ("F32", list(expected.shape))
        assert values[begin:end] == expected.astype("<f4").tobytes()


def test_views_with_any_memory_order_are_saved_by_value(tmp_path):
    turned = {"a": WEIGHTS["head.weight"].T, "b": WEIGHTS["head.weight"][:, ::2]}
    assert alike(load_weights(save_weights(tmp_path / "ckpt", turned)), turned)


def test_a_failed_write_leaves_existing_files_unchanged(tmp_path):
    save_weights(tmp_path / "ckpt", WEIGHTS)
    with pytest.raises(OutputError, match=r"nowhere.*cannot be written"):
        save_weights(tmp_path / "nowhere" / "ckpt", WEIGHTS)
    assert [file.name for file in tmp_path.iterdir()] == ["ckpt.safetensors"]


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_numbers_of_every_width_become_float32(tmp_path, kind):
    save_file({"a": torch.tensor([1.5, -2, 0.25]).to(kind)}, tmp_path / "a.safetensors")
    expected = [1, -2, 0] if kind == torch.int32 else [1.5, -2, 0.25]
    assert alike(load_weights(tmp_path / "a"), {"a": np.array(expected, np.float32)})


def test_batch_counters_of_pytorch_are_left_out(tmp_path):
    norm = torch.nn.BatchNorm2d(2)
    save_file({f"norm.{name}": values for name, values in norm.state_dict().items()}, tmp_path / "a.safetensors")
    assert load_weights(tmp_path / "a").keys() == {
        f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }


@pytest.mark.parametrize("name", ["missing.safetensors", "missing.pth", "missing", ""])
def test_a_file_that_does_not_exist_is_named(tmp_path, name):
    with pytest.raises(NetworkError, match=rf"the file .*{name} does not exist: expected .* such as ckpt"):
        load_weights(tmp_path / name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:8] + b"?" + content[9:],
        lambda content: struct.pack("<Q", 2**62) + content[8:],
        lambda content: content.replace(b'"F32"', b'"F99"'),
        lambda content: content.replace(b"[2,3]", b"[2,9]"),
        lambda content: b"PK\3\4" + content,
        lambda content: b"just some text, longer than a header",
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    file = save_weights(tmp_path / "ckpt", WEIGHTS)
    content = file.read_bytes()
    assert damage(content) != content
    file.write_bytes(damage(content))
    with pytest.raises(NetworkError, match=r"ckpt\.safetensors is damaged, or is not a safetensors file"):
        load_weights(file)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_values_cause_a_warning_that_names_them(tmp_path, value):
    broken = WEIGHTS | {"head.bias": np.array([value, 1], np.float32)}
    file = save_weights(tmp_path / "ckpt", broken)
    with pytest.warns(UserWarning, match=r"ckpt\.safetensors contains values that are NaN or infinite, in head\.bias"):
        found = load_weights(file)
    assert alike(found, broken)


def test_values_too_large_for_float32_cause_one_warning(tmp_path):
    save_file({"a": torch.tensor([1e300], dtype=torch.float64)}, tmp_path / "a.safetensors")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_weights(tmp_path / "a")
    assert ["NaN or infinite" in str(warning.message) for warning in caught] == [True]


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "a.ckpt", "A.PTH"])
def test_reading_a_pickle_needs_torch(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=rf"{name} is a PyTorch pickle.*pip install 'eyebright\[train\]'"):
        load_weights(tmp_path / name)


def test_a_state_dict_is_read(tmp_path):
    tensors = {name: torch.from_numpy(values) for name, values in WEIGHTS.items()}
    torch.save(tensors, tmp_path / "a.pth")
    assert alike(load_weights(tmp_path / "a.pth"), WEIGHTS)


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path):
    intruder = Intruder(tmp_path / "made")
    torch.save({"head.weight": torch.zeros(1), "head.bias": intruder}, tmp_path / "a.pth")
    with pytest.raises(NetworkError, match=r"a\.pth cannot be loaded: it contains other objects than tensors, .* code"):
        load_weights(tmp_path / "a.pth")
    assert not (tmp_path / "made").exists()
    torch.load(tmp_path / "a.pth", weights_only=False)
    assert (tmp_path / "made").exists()  # the code was there and works


def test_python_files_in_the_working_folder_do_not_run(tmp_path, monkeypatch):
    """Loading weights in the folder of a download must not run the files beside them."""
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
    (tmp_path / "torch.py").write_text(f"import os; os.mkdir({str(tmp_path / 'made')!r})")
    monkeypatch.chdir(tmp_path)
    assert alike(load_weights("a.pth"), {"a": np.ones(1, np.float32)})
    assert not (tmp_path / "made").exists()


def test_a_killed_reader_is_a_network_error(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_bytes(b"")
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(NetworkError, match=r"a\.pth cannot be loaded: the process that reads it was killed"):
        load_weights(tmp_path / "a.pth")
