import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from safetensors import safe_open

from eyebright.model.importing import hdf5
from eyebright.system import isolated


@pytest.fixture
def convert(tmp_path):
    """Converts a file that a function fills, and returns its tensors and attributes."""

    def convert(fill):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            fill(file)
        hdf5.convert(tmp_path / "a.h5", tmp_path / "out")
        with safe_open(tmp_path / "out", "np") as found:
            return {name: found.get_tensor(name) for name in found.keys()}, json.loads(  # noqa: SIM118
                found.metadata()[hdf5.ATTRIBUTES]
            )

    return convert


def test_tensors_and_wanted_attributes_are_copied_without_those_of_the_optimizer(convert):
    def fill(file):
        file["layers/a/0"] = np.arange(6, dtype=np.float64).reshape(2, 3)
        file["layers/a/1"] = np.float16(0.5)
        file["layers/a/2"] = np.empty((0, 4), np.float32)
        file["optimizer/a"] = np.ones(3)
        file["layers"].attrs["other"] = "x"
        file.attrs["model_config"] = "{}"

    tensors, attributes = convert(fill)
    assert {name: values.tolist() for name, values in tensors.items()} == {
        "layers/a/0": [[0, 1, 2], [3, 4, 5]], "layers/a/1": 0.5, "layers/a/2": [],
    }  # fmt: skip
    assert {values.dtype for values in tensors.values()} == {np.dtype(np.float32)}
    assert attributes == {"": {"model_config": "{}"}}


def test_large_tensors_are_copied_in_parts(convert, monkeypatch):
    monkeypatch.setattr(hdf5, "_CHUNK_VALUES", 7)
    values = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    tensors, _ = convert(lambda file: file.create_dataset("a", data=values))
    assert np.array_equal(tensors["a"], values)


def test_attributes_above_64_kb_are_joined_from_their_parts(convert):
    names = [f"layer_{number:05}".encode() for number in range(12_000)]

    def fill(file):
        for number, part in enumerate(np.array_split(np.array(names), 11)):
            file.attrs[f"layer_names{number}"] = part
        file.attrs["model_config"] = "{" + " " * 100_000 + "}"

    found = convert(fill)[1][""]
    assert found["layer_names"] == [name.decode() for name in names]
    assert len(found["model_config"]) == 100_002


def cycle(file):
    file.create_group("a")
    file["a/b"] = file["a"]


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("a", layout)


BAD = {
    "external data": (lambda file: file.create_dataset("a", (4,), "f4", external="/etc/passwd"), "in another file"),
    "virtual data": (virtual, "in another file"),
    "soft link": (lambda file: file.__setitem__("a", h5py.SoftLink("/b")), "'a' is a link to another place"),
    "external link": (lambda file: file.__setitem__("a", h5py.ExternalLink("b.h5", "/")), "'a' is a link"),
    "cycle": (cycle, "more groups and tensors"),
    "no values": (lambda file: file.create_dataset("a", (10**9, 4), "f4"), "describes 16,000,000,000 bytes of weights"),
    "zip bomb": (lambda file: file.create_dataset("a", data=np.zeros(10**7, "f4"), compression="gzip"), "compressed"),
    "texts": (lambda file: file.create_dataset("a", data=["x"]), "not a tensor of numbers"),
    "compound": (lambda file: file.create_dataset("a", (2,), [("x", "f4")]), "not a tensor of numbers"),
    "nothing": (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "not a tensor of numbers"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_not_plain_is_refused(convert, kind):
    fill, message = BAD[kind]
    with pytest.raises(SystemExit, match=message):
        convert(fill)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"\0" * 100, lambda data: b""])
def test_a_cut_file_is_refused(tmp_path, damage):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.ones(1000, np.float32)
    (tmp_path / "a.h5").write_bytes(damage((tmp_path / "a.h5").read_bytes()))
    with pytest.raises(SystemExit, match="it is damaged, or is not an HDF5 file"):
        hdf5.convert(tmp_path / "a.h5", tmp_path / "out")


def test_altered_files_give_a_reason_and_nothing_else(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/a/0"] = np.ones((3, 4), np.float32)
        file.attrs["model_config"] = "{}"
    whole, stream = (tmp_path / "a.h5").read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        altered = bytearray(whole)
        for place in stream.integers(len(whole), size=5):
            altered[place] = stream.integers(256)
        (tmp_path / "b.h5").write_bytes(altered)
        try:
            hdf5.convert(tmp_path / "b.h5", tmp_path / "out")
        except SystemExit as problem:
            assert isinstance(problem.code, str)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_program_needs_little_memory_for_a_file_of_nothing(tmp_path):
    """A dataset of 4 GB that has no values is refused within 200 MB."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (10**9,), "f4")
    code = (
        "import atexit, runpy\n"
        "atexit.register(lambda: print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]))\n"
        "runpy.run_module('eyebright.model.importing.hdf5', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, tmp_path / "a.h5", tmp_path / "out"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "describes 4,000,000,000 bytes" in run.stderr and int(run.stdout) < 200_000
    with pytest.raises(isolated.RefusedError, match="describes 4,000,000,000 bytes"):
        isolated.run("eyebright.model.importing.hdf5", tmp_path / "a.h5", tmp_path / "out")
