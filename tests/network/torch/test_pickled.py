import collections
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from eyebright.network.torch import pickled


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Runs the program on a file and returns its output."""

    def convert(file):
        monkeypatch.setattr("sys.argv", ["pickled", str(file), str(tmp_path / "out.safetensors")])
        pickled.main()
        return load_file(tmp_path / "out.safetensors")

    return convert


@pytest.fixture
def saved(tmp_path):
    """A file that torch wrote."""

    def save(value, **options):
        torch.save(value, tmp_path / "in.pth", **options)
        return tmp_path / "in.pth"

    return save


@pytest.mark.parametrize(
    "nested",
    [
        lambda tensors: tensors,
        collections.OrderedDict,
        lambda tensors: {"state_dict": tensors, "epoch": 3, "lr": 0.1},
        lambda tensors: {"model": tensors, "optimizer": {"state": {}}},
        lambda tensors: {"model": {"state_dict": tensors}},
        lambda tensors: {name: torch.nn.Parameter(values) for name, values in tensors.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_are_found_at_the_usual_keys_of_checkpoints(convert, saved, nested, zipped):
    tensors = {"conv.weight": torch.arange(8.0).reshape(2, 1, 2, 2), "conv.bias": torch.tensor([1.0, -1.0])}
    found = convert(saved(nested(tensors), _use_new_zipfile_serialization=zipped))
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], values.numpy()) for name, values in tensors.items())


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_numbers_of_every_width_become_float32(convert, saved, kind):
    found = convert(saved({"a": torch.tensor([1, 0, 1]).to(kind)}))
    assert found["a"].dtype == np.float32 and found["a"].tolist() == [1, 0, 1]


def test_views_and_shared_tensors_are_saved_by_value(convert, saved):
    values = torch.arange(6.0).reshape(2, 3)
    found = convert(saved({"a": values, "b": values, "turned": values.T, "part": values[:, 1:]}))
    for name, expected in {"a": values, "b": values, "turned": values.T, "part": values[:, 1:]}.items():
        assert np.array_equal(found[name], expected.numpy())


def test_old_names_of_densenet_become_current_ones(convert, saved):
    old = {
        "features.denseblock1.denselayer12.norm.1.weight": "features.denseblock1.denselayer12.norm1.weight",
        "features.denseblock1.denselayer12.norm.2.running_var": "features.denseblock1.denselayer12.norm2.running_var",
        "features.denseblock4.denselayer3.conv.1.weight": "features.denseblock4.denselayer3.conv1.weight",
        "features.denseblock4.denselayer3.conv.2.weight": "features.denseblock4.denselayer3.conv2.weight",
        "features.transition1.norm.weight": "features.transition1.norm.weight",
        "features.norm0.weight": "features.norm0.weight",
        "norm.1.weight": "norm.1.weight",
    }
    found = convert(saved({name: torch.full((1,), float(index)) for index, name in enumerate(old)}))
    assert {name: float(values[0]) for name, values in found.items()} == {
        name: index for index, name in enumerate(old.values())
    }


@pytest.mark.parametrize("value", [{}, {"epoch": 3}, [torch.ones(1)], torch.ones(1), {"state_dict": {}}, None])
def test_a_file_without_named_tensors_is_refused(convert, saved, value):
    with pytest.raises(SystemExit, match="it contains no named tensors, expected a state dict"):
        convert(saved(value))


class Intruder:
    """Creates a folder when it is unpickled without protection."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle", "nested"])
def test_code_is_refused_and_does_not_run(convert, saved, tmp_path, form):
    intruder = Intruder(tmp_path / "made")
    if form == "plain pickle":
        file = tmp_path / "in.pth"
        file.write_bytes(pickle.dumps(intruder, protocol=2))
    else:
        value = {"state_dict": {"a": torch.ones(1), "b": intruder}} if form == "nested" else intruder
        file = saved(value, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(SystemExit, match=r"other objects than tensors, which may run code: .* as safetensors"):
        convert(file)
    assert not (tmp_path / "made").exists() and not (tmp_path / "out.safetensors").exists()


def test_a_whole_module_is_refused(convert, saved):
    with pytest.raises(SystemExit, match="other objects than tensors"):
        convert(saved(torch.nn.Linear(2, 3)))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_refused_in_one_line(convert, saved, zipped, kept):
    file = saved({"a": torch.ones(50), "b": torch.ones(50)}, _use_new_zipfile_serialization=zipped)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(SystemExit, match=r"^it (is damaged, or is not a PyTorch file \(.+\)|contains .+)$"):
        convert(file)


@pytest.mark.parametrize("content", [b"", b"\0", b"hello, world\n", b"\x80\x02.", b"\x80\x02}q\0.", b"<!DOCTYPE html>"])
def test_other_files_are_refused_in_one_line(convert, tmp_path, content):
    (tmp_path / "in.pth").write_bytes(content)
    with pytest.raises(SystemExit, match=r"^it (is damaged, or is not a PyTorch file \(.+\)|contains .+)$"):
        convert(tmp_path / "in.pth")


def test_an_archive_of_something_else_is_refused_in_one_line(convert, tmp_path):
    with zipfile.ZipFile(tmp_path / "in.pth", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(SystemExit, match=r"^it is damaged, or is not a PyTorch file \(.+\)$"):
        convert(tmp_path / "in.pth")


def test_changed_bytes_never_cause_a_traceback(convert, saved):
    """A file that is still valid may pass; anything else must be refused in one line."""
    file = saved({"a": torch.ones(4), "b": torch.ones(2)}, _use_new_zipfile_serialization=False)
    content, random = file.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        altered = bytearray(content)
        for place in random.integers(0, len(content), 3):
            altered[place] = random.integers(256)
        file.write_bytes(altered)
        try:
            convert(file)
        except SystemExit as refusal:
            refused += 1
            assert str(refusal).startswith("it ") and "\n" not in str(refusal)
    assert refused > 100
