"""Weights by themselves in a file: safetensors, which hold no code; PyTorch's pickles are read in a process apart."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from eyebright import files
from eyebright.errors import EyebrightError, MissingExtraError, NetworkError
from eyebright.network.weights import Weights

SUFFIX = ".safetensors"
_PICKLED = (".pth", ".pt", ".bin", ".ckpt")
_COUNTERS = "num_batches_tracked"


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, NDArray[np.float32]]) -> Path:
    """Write weights to a file, whole or not at all.

    Args:
        path: The file; `.safetensors` is added where it is lacking.
        weights: Arrays by name.

    Returns:
        The file that was written.

    Raises:
        OutputError: When it cannot be written.
    """
    file = Path(path)
    file = file if file.suffix == SUFFIX else file.with_name(file.name + SUFFIX)
    files.write_file(file, save({name: np.ascontiguousarray(values) for name, values in weights.items()}))
    return file


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read weights that `save_weights`, or another program, has written.

    Args:
        path: A safetensors file, with or without its suffix, or a state dict of PyTorch's (`.pth`).

    Returns:
        float32 arrays by name, without PyTorch's counters of batches. Where some values are no numbers there is a
        warning.

    Raises:
        NetworkError: When there is no such file, or it is not what it should be.
        MissingExtraError: When it takes torch to read it, and torch is not installed.
    """
    file = Path(path)
    if not file.exists() and file.with_name(file.name + SUFFIX).exists():
        file = file.with_name(file.name + SUFFIX)
    if not file.is_file():
        raise NetworkError(f"there is no file {file}: give a file of weights, such as ckpt{SUFFIX}")
    tensors = _of_pickle(file) if file.suffix.lower() in _PICKLED else read_tensors(file)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
        weights = {
            name: np.asarray(values, np.float32) for name, values in tensors.items() if not name.endswith(_COUNTERS)
        }
    broken = [name for name, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        warnings.warn(
            f"{file} holds values that are no finite numbers, in {', '.join(broken[:10])}: "
            "what is computed with them means nothing",
            stacklevel=2,
        )
    return weights


def read_tensors(path: Path, *, error: type[EyebrightError] = NetworkError) -> dict[str, NDArray[Any]]:
    """Every tensor of a safetensors file by its name; an `error` where it is damaged or numpy does not know a type."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as problem:
        raise error(f"{path} is damaged, or no safetensors file of numbers that numpy knows: {problem}") from problem


def _of_pickle(file: Path) -> dict[str, NDArray[Any]]:
    """A pickle's tensors, by a process that is allowed nothing else and whose memory is not ours."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(
            f"{file} is a pickle of PyTorch's, which torch must read: pip install 'eyebright[train]', "
            f"or give the weights as {SUFFIX}"
        )
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder, "weights" + SUFFIX)
        command = [sys.executable, "-P", "-m", "eyebright.modules.pickled", str(file), str(converted)]
        # -P: what lies in the working folder is not to be taken for torch
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or ["the process that read it was stopped"])[-1]
            raise NetworkError(f"{file} is refused: {reason}")
        return read_tensors(converted)
