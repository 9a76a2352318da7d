"""Checkpoints: the state of a training on disk, also within an epoch, and when one is written.

FOLDER/000001200/       the state after 1,200 steps; it appears as a whole or not at all, and the last two are kept
    progress.json           the position in the training
    weights.safetensors     the weights
    best.safetensors        the weights of the best epoch so far
    average.safetensors     the average of the weights over the steps, if there is one
    start.safetensors       the weights of the start, if they were validated
    optimizer.safetensors   the optimizer's moments
    sha256.json             the digests of the other files: one that is damaged would lead to other weights in silence
"""

import shutil
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from eyebright.network import Network, Weights, check_weights
from eyebright.system import files, records
from eyebright.system.errors import DataError, NetworkError, OutputError
from eyebright.training.schedule import Position

KEPT = 2
_AVERAGE, _START, _DIGESTS = "average.safetensors", "start.safetensors", "sha256.json"
_SHARE = 50  # training between two checkpoints takes at least so many times as long as writing one


class State(NamedTuple):
    """All that a training needs to continue to the same weights.

    Args:
        progress: The position in the training.
        weights: The weights.
        best: The weights of the best epoch; empty before the end of the first epoch.
        average: The average of the weights over the steps; empty if there is none.
        moments: What the optimizer keeps for each tensor that it changes, by the tensor's number and a name.
        start: The weights of the start, where they were validated; otherwise empty.
    """

    progress: Position
    weights: Weights
    best: Weights
    average: Weights
    moments: dict[str, Tensor]
    start: Weights = {}  # noqa: RUF012 - never changed


def save(folder: Path, state: State) -> None:
    """Write a checkpoint, and remove all but the last two.

    Raises:
        OutputError: When it cannot be written.
    """
    with files.new_folder(folder / f"{state.progress.step:09d}", overwrite=True, made_with=["progress.json"]) as place:
        try:
            save_file(state.weights, place / "weights.safetensors")
            save_file(state.best, place / "best.safetensors")
            for name, weights in ((_AVERAGE, state.average), (_START, state.start)):
                if weights:
                    save_file(weights, place / name)
            save_tensors(state.moments, place / "optimizer.safetensors")
        except SafetensorError as problem:  # raised for a full disk, too
            raise OutputError(f"{folder} cannot be written: {problem}") from problem
        (place / "progress.json").write_text(records.to_json(state.progress), encoding="utf-8")
        digests = {file.name: files.sha256(file) for file in sorted(place.iterdir())}
        (place / _DIGESTS).write_text(records.to_json(digests), encoding="utf-8")
    kept = _places(folder)[-KEPT:]
    for other in folder.iterdir():  # also what a kill left unfinished
        if other not in kept:
            shutil.rmtree(other, ignore_errors=True)


def load(folder: Path, network: Network, parameters: Sequence[Tensor]) -> State:
    """Read the newest checkpoint that is not damaged.

    Args:
        folder: The folder with the checkpoints.
        network: The network that it must belong to.
        parameters: What the optimizer changes, in its order.

    Raises:
        DataError: When there is no readable checkpoint, or it belongs to another network.
    """
    problems = []
    for place in reversed(_places(folder)):
        try:
            state = _read(place)
        except (OSError, SafetensorError, DataError) as problem:
            problems.append(f"{place.name}: {problem}")
        else:
            _require_same_training(place, state, network, parameters)
            if problems:
                warnings.warn(f"passed over a damaged checkpoint ({'; '.join(problems)})", stacklevel=2)
            return state
    raise DataError(
        f"no checkpoint in {folder} can be read: {'; '.join(problems) or 'the folder has none'}. Train again with "
        "--overwrite, or start a new run from the model of this one, if it has one, with --from"
    )


def _read(place: Path) -> State:
    _require_sound(place)
    text = (place / "progress.json").read_bytes()
    progress = records.from_json(text, Position, what=f"{place}/progress.json", error=DataError)
    weights, best = load_file(place / "weights.safetensors"), load_file(place / "best.safetensors")
    average, start = (load_file(place / name) if (place / name).exists() else {} for name in (_AVERAGE, _START))
    return State(progress, weights, best, average, load_tensors(place / "optimizer.safetensors"), start)


def _require_sound(place: Path) -> None:
    """Raise a `DataError` if a file is damaged; older versions wrote no digests."""
    if (place / _DIGESTS).exists():
        known = records.from_json((place / _DIGESTS).read_bytes(), dict[str, str], what=_DIGESTS, error=DataError)
        damaged = [name for name, digest in known.items() if files.sha256(place / name) != digest]
        if damaged:
            raise DataError(f"{', '.join(damaged)} is damaged")


def _require_same_training(place: Path, state: State, network: Network, parameters: Sequence[Tensor]) -> None:
    """Refuse the state of another training: torch would fail on it without explanation, or learn from it."""
    try:
        for weights in (state.weights, state.best or state.weights):
            check_weights(network, weights)
    except NetworkError as problem:
        raise DataError(f"{place} belongs to another run, with another network: {problem}") from problem
    for name, value in state.moments.items():
        index = name.partition(".")[0]
        fits = index.isdecimal() and int(index) < len(parameters)
        if not fits or (value.ndim and value.shape != parameters[int(index)].shape):
            raise DataError(f"{place} belongs to another run: the optimizer state {name} does not fit this network")


def _places(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("[0-9]*")) if folder.is_dir() else []


class Keeper:
    """Writes checkpoints: after each epoch, and within one when that takes little time beside the training.

    Attributes:
        kept: Whether there is a checkpoint in the folder.

    Args:
        folder: Where to write them; None writes none.
        pause_s: Least time between checkpoints within an epoch, in seconds; 0 writes one after each step.
    """

    def __init__(self, folder: Path | None, pause_s: float) -> None:
        self.folder, self.pause_s = folder, pause_s
        self.kept = False
        self._due_at = time.monotonic() + pause_s

    @property
    def due(self) -> bool:
        """Whether a checkpoint within an epoch is due."""
        return self.folder is not None and time.monotonic() >= self._due_at

    def load(self, network: Network, parameters: Sequence[Tensor]) -> State | None:
        """The last state, as `load` reads it; None without a folder."""
        if self.folder is None:
            return None
        state = load(self.folder, network, parameters)
        self.kept = True
        return state

    def keep(self, state: State) -> bool:
        """Write a checkpoint; False, and none is written, if a weight is not finite."""
        if self.folder is None:
            return True
        start = time.monotonic()
        if not all(np.isfinite(values).all() for values in state.weights.values()):
            return False
        save(self.folder, state)
        self.kept = True
        end = time.monotonic()
        self._due_at = end + (max(self.pause_s, _SHARE * (end - start)) if self.pause_s else 0)
        return True
