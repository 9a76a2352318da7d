"""Weights: numpy arrays by `layer.tensor`, and how they compare with those that a network needs.

Initial weights in numpy, drawn from (seed, name) alone.

A tensor's values depend on nothing but the seed and its own name, so that adding a layer leaves the others as they
were, and every framework starts from the same numbers.

Sources of the rules: He et al. 2015, "Delving Deep into Rectifiers", eq. 10 (variance 2 / fan_in);
Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16
(uniform within sqrt(6 / (fan_in + fan_out))).

Weights by themselves in a file: safetensors, which hold no code; PyTorch's pickles are read in a process apart.
"""

import hashlib
import importlib.util
import math
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from eyebright.network.graph import Network
from eyebright.network.layer import Parameter
from eyebright.system import files
from eyebright.system.errors import EyebrightError, MissingExtraError, NetworkError

Weights: TypeAlias = dict[str, NDArray[np.float32]]
_SHOWN = 10


class LoadReport(NamedTuple):
    """What became of weights that were given to a network.

    Args:
        consumed: Names of the tensors that fit.
        missing: Names that the network has and the weights do not.
        unexpected: Names that the weights have and the network does not.
        mismatched: Names of tensors whose shapes differ, with the reason.
    """

    consumed: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network was given, and nothing else."""
        return not (self.missing or self.unexpected or self.mismatched)

    def assert_consumed(self) -> None:
        """Refuse anything but a complete match with a `NetworkError` that tells the differences."""
        if not self.complete:
            raise NetworkError(f"the weights do not fit the network: {self}")

    def __str__(self) -> str:
        named = (("missing", self.missing), ("unexpected", self.unexpected))
        found = [f"{len(names)} {what} ({_listed(names)})" for what, names in named if names]
        if self.mismatched:
            reasons = [f"{name}: {reason}" for name, reason in self.mismatched.items()]
            found.append(f"{len(reasons)} of another shape ({', '.join(reasons)})")
        return f"{len(self.consumed)} tensors fit" + "".join(f"; {part}" for part in found)


def compare(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> LoadReport:
    """How weights compare with those that the network needs."""
    expected = {name: tensor.shape for name, tensor in network.tensors.items()}
    found = {name: values.shape for name, values in weights.items()}
    common = [name for name in expected if name in found]
    return LoadReport(
        consumed=tuple(name for name in common if found[name] == expected[name]),
        missing=tuple(name for name in expected if name not in found),
        unexpected=tuple(name for name in found if name not in expected),
        mismatched={
            name: f"expected {expected[name]}, got {found[name]}" for name in common if found[name] != expected[name]
        },
    )


def check_weights(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse weights that are not those of the network.

    Raises:
        NetworkError: When some are missing, unexpected or of another shape; the message lists all other shapes, and the
            first names of the rest.
    """
    compare(network, weights).assert_consumed()


def _listed(items: tuple[str, ...]) -> str:
    more = f", and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


_MOST_PARAMETERS = 4_000_000_000


def initial_weights(network: Network, seed: int = 0) -> Weights:
    """Every tensor of the network, float32, by `layer.tensor`.

    Raises:
        NetworkError: When the network has so many parameters that they cannot be meant.
    """
    if network.parameter_count > _MOST_PARAMETERS:
        largest = max(network.parameters, key=lambda name: network.parameters[name].size)
        raise NetworkError(
            f"{network.parameter_count:,} parameters are more than {_MOST_PARAMETERS:,}: "
            f"make {largest} smaller, which is {network.parameters[largest].shape}"
        )
    return {name: draw(parameter, seed, name) for name, parameter in network.tensors.items()}


def draw(parameter: Parameter, seed: int, name: str) -> NDArray[np.float32]:
    """One tensor by its rule, from the stream that belongs to (seed, name)."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    stream = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
    fan_in, fan_out = parameter.fan_in, parameter.fan_out
    match parameter.initializer:
        case "zeros":
            values = np.zeros(parameter.shape)
        case "ones":
            values = np.ones(parameter.shape)
        case "he_normal":
            values = stream.standard_normal(parameter.shape) * math.sqrt(2 / fan_in)
        case "he_uniform":
            values = stream.uniform(-1, 1, parameter.shape) * math.sqrt(6 / fan_in)
        case "glorot_uniform":
            values = stream.uniform(-1, 1, parameter.shape) * math.sqrt(6 / (fan_in + fan_out))
    return values.astype(np.float32)


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
        command = [sys.executable, "-P", "-m", "eyebright.network.torch.pickled", str(file), str(converted)]
        # -P: what lies in the working folder is not to be taken for torch
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if run.returncode:
            reason = (run.stderr.strip().splitlines() or ["the process that read it was stopped"])[-1]
            raise NetworkError(f"{file} is refused: {reason}")
        return read_tensors(converted)
