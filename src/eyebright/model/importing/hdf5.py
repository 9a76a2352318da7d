"""A program that copies what a Keras model needs from an HDF5 file into a safetensors file:

    python -m eyebright.model.importing.hdf5 MODEL.h5 TENSORS.safetensors

The tensors go by their paths, as float32, without those of the optimizer. The attributes of groups that say how the
model is built go into the metadata, as JSON: {group: {attribute: text or list of texts}}.

HDF5 is a large format that is read by C code, so this is a separate program with little memory. It accepts only plain
tensors inside the file: no link to another place or file (CVE-2026-1669), no virtual data, no compression, and no more
bytes of tensors than the file has.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyebright.system import isolated

if TYPE_CHECKING:
    import h5py

ATTRIBUTES = "attributes"
"""The key of the metadata that has the attributes."""
_WANTED = ("model_config", "keras_version", "layer_names", "weight_names")
_OPTIMIZER = ("optimizer", "optimizer_weights")
_MEMORY_BYTES, _SECONDS = 1_500_000_000, 300
_MOST_OBJECTS, _MOST_DEPTH, _MOST_RANK, _MOST_TEXT = 50_000, 60, 8, 100_000_000
_CHUNK_VALUES = 4_000_000


def main() -> None:
    """Convert the file given on the command line."""
    source, target = map(Path, sys.argv[1:])
    most = 4 * source.stat().st_size + _MOST_TEXT
    isolated.limit(memory_bytes=_MEMORY_BYTES, output_bytes=most, seconds=_SECONDS)
    convert(source, target)


def convert(source: Path, target: Path) -> None:
    """Copy the tensors and attributes of a file; leave the program with the reason where it is not plain."""
    import h5py

    try:
        with h5py.File(source, "r", locking=False) as file:
            _convert(file, target, source.stat().st_size)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, RecursionError) as problem:
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        sys.exit(f"it is damaged, or is not an HDF5 file ({reason})")


def _convert(file: "h5py.File", target: Path, size: int) -> None:
    import h5py

    tensors, attributes = dict[str, Any](), dict[str, dict[str, Any]]()
    for path, found in _walk(file):
        if path.split("/")[0] in _OPTIMIZER:
            continue
        if isinstance(found, h5py.Group):
            if texts := _attributes(found):
                attributes[path] = texts
        else:
            tensors[path] = found
    stored = sum(tensor.dtype.itemsize * math.prod(tensor.shape) for tensor in tensors.values())
    if stored > size:
        sys.exit(f"it describes {stored:,} bytes of weights, but is only {size:,} bytes long")
    _write(target, tensors, attributes)


def _walk(file: "h5py.File") -> Iterator[tuple[str, Any]]:
    """Every group and tensor of the file with its path; leaves the program where one is not plain."""
    import h5py

    waiting: list[tuple[str, Any]] = [("", file)]
    count = 0
    while waiting:
        path, found = waiting.pop()
        count += 1
        if count > _MOST_OBJECTS or path.count("/") > _MOST_DEPTH:
            sys.exit("it has more groups and tensors than the file of a network")
        yield path, found
        for name in found if isinstance(found, h5py.Group) else ():
            place = f"{path}/{name}" if path else name
            if not isinstance(found.get(name, getlink=True), h5py.HardLink):
                sys.exit(f"{place!r} is a link to another place or file, which is not followed")
            inner = found[name]
            if isinstance(inner, h5py.Dataset):
                _check(place, inner)
            waiting.append((place, inner))


def _check(path: str, tensor: "h5py.Dataset") -> None:
    """Leave the program where a tensor is not plain numbers inside the file."""
    if tensor.is_virtual or tensor.external:
        sys.exit(f"the values of {path!r} are in another file, which is not opened")
    if tensor.id.get_create_plist().get_nfilters():
        sys.exit(f"the values of {path!r} are compressed: save the model with Keras, which does not compress them")
    if tensor.dtype.kind not in "fiub" or tensor.shape is None or len(tensor.shape) > _MOST_RANK:
        sys.exit(f"{path!r} is not a tensor of numbers")


def _attributes(group: "h5py.Group") -> dict[str, Any]:
    """The wanted texts of a group; Keras stores long lists in parts, name0, name1, ..."""
    found: dict[str, Any] = {}
    for name in sorted(group.attrs, key=lambda name: (len(name), name)):
        stem = name.rstrip("0123456789")
        if stem not in _WANTED:
            continue
        value = group.attrs[name]
        if stem in ("layer_names", "weight_names"):
            found[stem] = found.get(stem, []) + [_text(part) for part in value]
        else:
            found[stem] = found.get(stem, "") + _text(value)
    return found


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _write(target: Path, tensors: "dict[str, h5py.Dataset]", attributes: dict[str, dict[str, Any]]) -> None:
    """Write a safetensors file, tensor by tensor, so that memory stays small."""
    texts = json.dumps(attributes)
    if len(texts) > _MOST_TEXT:
        sys.exit("its description of the network is too long")
    header: dict[str, Any] = {"__metadata__": {ATTRIBUTES: texts}}
    at = 0
    for path, tensor in tensors.items():
        end = at + 4 * math.prod(tensor.shape)
        header[path] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, end]}
        at = end
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with target.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for tensor in tensors.values():
            for values in _parts(tensor):
                file.write(values)


def _parts(tensor: "h5py.Dataset") -> Iterator[bytes]:
    """The values of a tensor in parts, as float32."""
    if not tensor.shape:
        yield tensor[()].astype("<f4").tobytes()
        return
    rows = max(_CHUNK_VALUES // max(math.prod(tensor.shape[1:]), 1), 1)
    for at in range(0, tensor.shape[0], rows):
        yield tensor[at : at + rows].astype("<f4").tobytes()


if __name__ == "__main__":
    main()
