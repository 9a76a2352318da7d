"""Reading safetensors of strangers."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from eyebright.errors import ModelError


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of a file by its name; a `ModelError` where it is damaged or of types that numpy does not know."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as problem:
        raise ModelError(f"{path} is damaged: {problem}") from problem
