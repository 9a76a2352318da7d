"""Files of weights: safetensors, which contain no code, and PyTorch pickles, which a separate process reads."""

import importlib.util
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from eyebright.network.weights import Weights
from eyebright.system import files, isolated
from eyebright.system.errors import EyebrightError, MissingExtraError, NetworkError
from eyebright.system.text import listed

SUFFIX = ".safetensors"
_PICKLED = (".pth", ".pt", ".bin", ".ckpt")
_COUNTERS = "num_batches_tracked"


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, NDArray[np.float32]]) -> Path:
    """Save weights to a safetensors file. A failed write leaves an existing file unchanged.

    Args:
        path: The file; `.safetensors` is added if it is missing.
        weights: Arrays by `layer.tensor`.

    Returns:
        The file that was written.

    Raises:
        OutputError: If the file cannot be written.
    """
    file = Path(path)
    file = file if file.suffix == SUFFIX else file.with_name(file.name + SUFFIX)
    files.write_file(file, save({name: np.ascontiguousarray(values) for name, values in weights.items()}))
    return file


def load_weights(path: str | os.PathLike[str]) -> Weights:
    """Load weights that `save_weights` or another program has saved; warns of values that are NaN or infinite.

    Args:
        path: A safetensors file, with or without its suffix, or a PyTorch state dict (`.pth`).

    Returns:
        float32 arrays by name, without PyTorch's counters `num_batches_tracked`.

    Raises:
        NetworkError: If the file does not exist or is damaged.
        MissingExtraError: If torch is needed to read the file and is not installed.
    """
    file = files.as_path(path, "a file of weights", NetworkError)
    if not file.exists() and file.with_name(file.name + SUFFIX).exists():
        file = file.with_name(file.name + SUFFIX)
    if not file.is_file():
        raise NetworkError(f"the file {file} does not exist: expected a file of weights, such as ckpt{SUFFIX}")
    tensors = _unpickled(file) if file.suffix.lower() in _PICKLED else load_tensors(file)
    with np.errstate(over="ignore"):  # values too large for float32 become infinite, and are reported below
        weights = {
            name: np.asarray(values, np.float32) for name, values in tensors.items() if not name.endswith(_COUNTERS)
        }
    broken = [name for name, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        warnings.warn(
            f"{file} contains values that are NaN or infinite, in {listed(broken, 10)}: do not trust its predictions",
            stacklevel=2,
        )
    return weights


def load_tensors(path: Path, *, error: type[EyebrightError] = NetworkError) -> dict[str, NDArray[Any]]:
    """Load every tensor of a safetensors file by its name, in its own type.

    Args:
        path: The file.
        error: The error to raise if the file is damaged or NumPy does not know a tensor's type.
    """
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as problem:
        raise error(f"{path} is damaged, or is not a safetensors file that NumPy can read: {problem}") from problem


def _unpickled(file: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a pickle, read by a process that can do nothing else and does not share our memory."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(
            f"{file} is a PyTorch pickle, and torch is needed to read it: pip install 'eyebright[train]', "
            f"or use weights saved as {SUFFIX}"
        )
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder, "weights" + SUFFIX)
        try:
            isolated.run("eyebright.network.torch.pickled", file, converted)
        except isolated.RefusedError as problem:
            raise NetworkError(f"{file} cannot be loaded: {problem}") from problem
        return load_tensors(converted)
