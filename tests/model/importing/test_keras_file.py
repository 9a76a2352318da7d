import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from eyebright.model.importing.keras_file import KerasFile, read_keras
from eyebright.system.errors import MissingExtraError, ModelError

CONFIG = {"class_name": "Sequential", "config": {"layers": []}}


def hdf5(tensors=None):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, values in (tensors or {"layers/dense/vars/0": np.ones((2, 3), np.float32)}).items():
            file[name] = values
    return content.getvalue()


@pytest.fixture
def archive(tmp_path):
    """Writes a .keras file; members that are None are left out."""

    def archive(compression=zipfile.ZIP_STORED, **changed):
        members = {"config.json": json.dumps(CONFIG).encode(), "metadata.json": b'{"keras_version": "3.9.0"}'}
        members |= {"model.weights.h5": hdf5()}
        members |= {
            name.replace("_json", ".json").replace("_h5", ".weights.h5"): data for name, data in changed.items()
        }
        with zipfile.ZipFile(tmp_path / "a.keras", "w", compression) as file:
            for name, data in members.items():
                if data is not None:
                    file.writestr(name, data)
        return tmp_path / "a.keras"

    return archive


def test_an_archive_is_read_by_the_separate_program(archive):
    stored = read_keras(archive())
    assert (stored.config, stored.version, stored.major, stored.legacy) == (CONFIG, "3.9.0", 3, False)
    assert [values.shape for values in stored.numbered("layers/dense")] == [(2, 3)]
    assert stored.numbered("layers/other") == []


def test_a_legacy_file_is_read(quick, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(CONFIG), b"2.4.0"
        group = file.create_group("model_weights/inner")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0", b"other/kernel:0"]
        for number, name in enumerate(["dense/kernel:0", "dense/bias:0", "other/kernel:0"]):
            group[name] = np.float32(number)
    stored = read_keras(tmp_path / "a.h5")
    assert (stored.config, stored.version, stored.major, stored.legacy) == (CONFIG, "2.4.0", 2, True)
    assert [float(values) for values in stored.named((), "inner")] == [0, 1, 2]
    assert [float(values) for values in stored.named(("inner",), "dense")] == [0, 1]
    assert stored.named(("inner", "deeper"), "other") == [2]


@pytest.mark.parametrize("place", ["layers", "_layer_checkpoint_dependencies", "_functional/layers"])
def test_the_layers_are_found_where_versions_of_keras_store_them(place):
    stored = KerasFile({}, "", {f"outer/{place}/dense/vars/0": np.zeros(1, np.float32)}, {})
    assert stored.container("outer") == f"outer/{place}"
    assert KerasFile({}, "", {}, {}).container("") == "layers"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config_json": None}, "it has no config.json"),
        ({"model_h5": None}, "it has no model.weights.h5"),
        ({"config_json": b"{"}, "is not JSON"),
        ({"config_json": b"[" * 100_000}, "is not JSON"),
        ({"config_json": b"[]"}, "is not an object"),
        ({"model_h5": b"\x89HDF\r\n\x1a\n"}, "cannot be read: it is damaged, or is not an HDF5 file"),
        ({"../../evil": b"x"}, "unsafe: '../../evil' in it would be outside its folder"),
        ({"/etc/evil": b"x"}, "unsafe: '/etc/evil'"),
    ],
)
def test_an_archive_that_is_not_what_keras_writes_is_refused(quick, archive, changed, message):
    with pytest.raises(ModelError, match=message) as refused:
        read_keras(archive(**changed))
    assert str(refused.value).count("a.keras") == 1  # one reason, told once


def test_a_zip_bomb_is_refused(archive):
    bomb = archive(zipfile.ZIP_DEFLATED, model_h5=bytes(50_000_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ModelError, match="more than 20 times as large when it is unpacked"):
        read_keras(bomb)


def test_a_file_that_was_cut_or_altered_is_refused(quick, archive):
    file = archive()
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(ModelError, match=r"a\.keras is damaged, .* neither a zip archive nor HDF5"):
        read_keras(file)
    place = whole.index(np.ones(6, np.float32).tobytes())
    file.write_bytes(whole[:place] + b"\1" + whole[place + 1 :])
    with pytest.raises(ModelError, match="damaged: Bad CRC-32"):
        read_keras(file)


def test_weights_alone_are_no_model(quick, tmp_path):
    (tmp_path / "a.h5").write_bytes(hdf5())
    with pytest.raises(ModelError, match="has no model, only weights: save the whole model"):
        read_keras(tmp_path / "a.h5")


def test_a_missing_file_and_a_missing_package_are_reported(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"b\.keras does not exist"):
        read_keras(tmp_path / "b.keras")
    monkeypatch.setattr("eyebright.model.importing.keras_file.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyebright\[import\]'"):
        read_keras(tmp_path / "b.keras")
