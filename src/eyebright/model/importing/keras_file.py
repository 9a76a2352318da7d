"""Files that Keras writes: what is in them, read without Keras, and without running or unpickling anything.

model.keras   a zip archive: config.json, metadata.json, model.weights.h5
model.h5      HDF5 with the same configuration as an attribute (Keras 2, tf.keras, Teachable Machine)
"""

import json
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from eyebright.model.importing.hdf5 import ATTRIBUTES
from eyebright.system import files, isolated
from eyebright.system.errors import MissingExtraError, ModelError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_LEGACY = "model_weights"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_JSON_BYTES = 100_000_000
_MOST_EXPANSION = 20  # of a zip archive; Keras does not compress
_BLOCK_BYTES = 1 << 20
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies", "_functional/layers")


class KerasFile(NamedTuple):
    """What a file contains.

    Args:
        config: The model, as Keras describes it: its class and settings.
        version: The version of Keras that wrote it; "" if it does not say.
        tensors: The weights by their paths, float32.
        attributes: For each group of an HDF5 file its lists of names; see `hdf5`.
    """

    config: dict[str, Any]
    version: str
    tensors: Mapping[str, NDArray[np.float32]]
    attributes: Mapping[str, Mapping[str, Any]]

    @property
    def major(self) -> int:
        """The main version of Keras: some defaults and functions differ."""
        number = self.version.partition(".")[0]
        return int(number) if number.isdecimal() else 2

    @property
    def legacy(self) -> bool:
        """Whether the weights are stored by the names of the layers, as Keras 2 did."""
        return _LEGACY in self.attributes

    def numbered(self, path: str) -> list[NDArray[np.float32]]:
        """The tensors `path/vars/0`, `path/vars/1`, ... of a layer of Keras 3."""
        found: list[NDArray[np.float32]] = []
        while (values := self.tensors.get(f"{path}/vars/{len(found)}")) is not None:
            found.append(values)
        return found

    def container(self, path: str) -> str:
        """Where the layers of a model at this path are; versions of Keras named it differently."""
        places = [f"{path}/{name}" if path else name for name in _CONTAINERS]
        used = (place for place in places if any(name.startswith(f"{place}/") for name in self.tensors))
        return next(used, places[0])

    def named(self, within: Sequence[str], layer: str) -> list[NDArray[np.float32]]:
        """The tensors of a layer of a legacy file, which are named `.../layer/kernel:0`, in their order.

        Args:
            within: Names of the models that contain it, from the outermost inwards, without the file's own.
            layer: Its name.
        """
        group = f"{_LEGACY}/{[*within, layer][0]}"
        names = self.attributes.get(group, {}).get("weight_names", [])
        if within:
            names = [name for name in names if name.split("/")[-2:-1] == [layer]]
            prefixes = {name.rpartition("/")[0] for name in names}
            closest = [prefix for prefix in prefixes if prefix.split("/")[-2:-1] == [within[-1]]]
            names = [name for name in names if len(prefixes) == 1 or name.rpartition("/")[0] in closest]
        return [self.tensors[f"{group}/{name}"] for name in names if f"{group}/{name}" in self.tensors]


def read_keras(path: Path) -> KerasFile:
    """Read a `.keras` or `.h5` file.

    Raises:
        ModelError: When the file is missing, damaged or unsafe, or does not contain a model.
        MissingExtraError: When h5py is not installed.
    """
    if find_spec("h5py") is None:
        raise MissingExtraError(f"h5py is needed to read {path}: pip install 'eyebright[import]'")
    if not path.is_file():
        raise ModelError(f"{path} does not exist: expected a file that Keras has saved, such as model.keras")
    with files.read_errors(path, ModelError), tempfile.TemporaryDirectory() as folder:
        if zipfile.is_zipfile(path):
            return _of_archive(path, Path(folder))
        with path.open("rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                raise ModelError(f"{path} is damaged, or was not saved by Keras: it is neither a zip archive nor HDF5")
        return _of_hdf5(path, Path(folder))


def _of_hdf5(path: Path, folder: Path) -> KerasFile:
    tensors, attributes = _tensors(path, path, folder)
    root = attributes.get("", {})
    if "model_config" not in root:
        raise ModelError(
            f"{path} has no model, only weights: save the whole model, with model.save and not model.save_weights"
        )
    version = attributes.get(_LEGACY, {}).get("keras_version", root.get("keras_version", ""))
    own: dict[str, dict[str, Any]] = {_LEGACY: {}}
    return KerasFile(_json(root["model_config"], path), version, tensors, own | attributes)


def _of_archive(path: Path, folder: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            config = _json(archive.read(CONFIG), path)
            metadata = _json(archive.read(METADATA), path) if METADATA in archive.namelist() else {}
            with archive.open(WEIGHTS) as source, (folder / WEIGHTS).open("wb") as target:
                while block := source.read(_BLOCK_BYTES):
                    target.write(block)
    except ModelError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error) as problem:
        raise ModelError(f"{path} is damaged: {problem}") from problem
    return KerasFile(config, str(metadata.get("keras_version", "")), *_tensors(path, folder / WEIGHTS, folder))


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse archives that miss a part, or say that they become far larger than they are."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    for name in (CONFIG, WEIGHTS):
        if name not in sizes:
            raise ModelError(f"{path} is not a model that Keras has saved: it has no {name}")
    parts = {name: name.replace("\\", "/").split("/") for name in sizes}
    if escaping := [name for name, steps in parts.items() if ".." in steps or not steps[0]]:
        raise ModelError(f"{path} is unsafe: {escaping[0]!r} in it would be outside its folder")
    if max(sizes[CONFIG], sizes.get(METADATA, 0)) > _MOST_JSON_BYTES:
        raise ModelError(f"{path} is not a model that Keras has saved: its {CONFIG} is too large")
    if sum(sizes.values()) > _MOST_EXPANSION * path.stat().st_size:
        raise ModelError(f"{path} would be more than {_MOST_EXPANSION} times as large when it is unpacked: refused")


def _tensors(path: Path, hdf5: Path, folder: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, dict[str, Any]]]:
    """The tensors and attributes of an HDF5 file, which is that of `path` or part of it."""
    converted = folder / "tensors.safetensors"
    try:
        isolated.run("eyebright.model.importing.hdf5", hdf5.absolute(), converted)
        with safe_open(converted, "np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return tensors, json.loads(file.metadata()[ATTRIBUTES])
    except isolated.RefusedError as problem:
        raise ModelError(f"{path} cannot be read: {problem}") from problem
    except SafetensorError as problem:
        raise ModelError(f"{path} is damaged: {problem}") from problem


def _json(text: str | bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ModelError(f"{path} is damaged: its description of the network is not JSON ({problem})") from problem
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not a model that Keras has saved: its description of the network is not an object")
    return found
