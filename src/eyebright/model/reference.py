"""Reference: what a model compares images with, in reference.safetensors beside it.

Each part is a named tuple of arrays; the file has a tensor `part.field` for each. Parts that a model lacks are None.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from eyebright.network import load_tensors
from eyebright.network.answering import Familiar
from eyebright.system.errors import ModelError
from eyebright.trust.drift import Profile
from eyebright.trust.promise import HeldBack


class Reference(NamedTuple):
    """What a model compares images with.

    Args:
        unknown: What the training images have in common, by which the graph finds images that are unlike them.
        profile: What a sample of the validation images looks like, with which `eyebright drift` compares new images.
        held_back: What the model answers for images that were used for no choice, on which its promises rest.
    """

    unknown: Familiar | None = None
    profile: Profile | None = None
    held_back: HeldBack | None = None

    def to_bytes(self) -> bytes:
        """The content of the file."""
        tensors: dict[str, NDArray[Any]] = {
            f"{part}.{field}": np.array(values, order="C")
            for part, fields in self._asdict().items()
            if fields is not None
            for field, values in fields._asdict().items()
        }
        return save(tensors)

    @classmethod
    def load(cls, path: Path) -> "Reference":
        """Read the file; a `ModelError` if it is damaged, or its arrays do not fit each other."""
        tensors = load_tensors(path, error=ModelError)
        expected = {part: {f"{part}.{field}": field for field in kind._fields} for part, kind in _PARTS.items()}
        parts = {part: fields for part, fields in expected.items() if fields.keys() & tensors.keys()}
        known = {name for fields in parts.values() for name in fields}
        if differing := sorted(known ^ tensors.keys()):
            what = "missing" if differing[0] in known else "not known"
            raise ModelError(f"{path} is damaged: {differing[0]} is {what}")
        if fault := _fault(tensors):
            raise ModelError(f"{path} is damaged: {fault}")
        return cls(**{part: _PARTS[part](**{field: tensors[name] for name, field in fields.items()})
                      for part, fields in parts.items()})  # fmt: skip


def _fault(tensors: dict[str, NDArray[Any]]) -> str:
    """What is wrong with the values and shapes of the tensors; "" if nothing is. `drift` checks those of a profile."""
    sizes: dict[str, int] = {}
    for name, values in tensors.items():
        if values.dtype.kind not in "fi" or not np.isfinite(values).all():
            return f"{name} has values that are not finite numbers"
        axes = _AXES.get(name)
        if axes is None:
            continue
        if len(axes) != values.ndim:
            return f"{name} has {values.ndim} dimensions, expected {len(axes)}"
        if any(sizes.setdefault(axis, size) != size for axis, size in zip(axes, values.shape, strict=True)):
            return f"{name} has the shape {values.shape}, which does not fit the others"
    return ""


_AXES: dict[str, tuple[str, ...]] = {
    "unknown.mean": ("features",),
    "unknown.directions": ("rank", "features"),
    "unknown.variances": ("rank",),
    **{f"unknown.{name}": () for name in ("rest", "energy_typical", "energy_weight", "limit")},
    **{f"held_back.{name}": ("images",) for name in HeldBack._fields},
}
"""The axes of the tensors; those with the same name have the same size."""
_PARTS: dict[str, Any] = {"unknown": Familiar, "profile": Profile, "held_back": HeldBack}
