"""Where a training stands, within an epoch too: enough to go on to the same weights as if it had never stopped.

FOLDER/000001200/   the state after so many steps; it stands there whole or not at all, and the last two are kept
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
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
_AVERAGE = "average.safetensors"


class Checkpoint(NamedTuple):
    """What was kept: how far the training was, its weights, those of its best epoch, their mean over the steps (where
    there is one), the optimizer's moments.
    """

    progress: Position
    weights: Weights
    best: Weights
    average: Weights
    moments: dict[str, Tensor]


def save(
    folder: Path,
    progress: Position,
    weights: Weights,
    best: Weights,
    average: Weights,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint, and remove all but the last two."""
    with files.new_folder(folder / f"{progress.step:09d}", overwrite=True, made_with=["progress.json"]) as place:
        try:
            save_file(weights, place / "weights.safetensors")
            save_file(best, place / "best.safetensors")
            if average:
                save_file(average, place / _AVERAGE)
            save_tensors(moments(optimizer), place / "optimizer.safetensors")
        except SafetensorError as problem:  # what it makes of a full disk, too
            raise OutputError(f"{folder} cannot be written: {problem}") from problem
        (place / "progress.json").write_text(records.to_json(progress), encoding="utf-8")
    kept = _places(folder)[-KEPT:]
    for other in folder.iterdir():  # also what a kill left unfinished
        if other not in kept:
            shutil.rmtree(other, ignore_errors=True)


def load(folder: Path, network: Network, parameters: Sequence[Tensor]) -> Checkpoint:
    """Read the newest checkpoint that is sound.

    Args:
        folder: Where they are.
        network: The network that it must be of.
        parameters: What the optimizer moves, in its order.

    Raises:
        DataError: When there is none, or it is of another network.
    """
    problems = []
    for place in reversed(_places(folder)):
        try:
            found = _read(place)
        except (OSError, SafetensorError, DataError) as problem:
            problems.append(f"{place.name}: {problem}")
        else:
            _require_of(place, found, network, parameters)
            return found
    raise DataError(f"no checkpoint in {folder} can be read: {'; '.join(problems) or 'there is none'}")


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer keeps for each tensor that it moves, by the tensor's place among them and a name."""
    return {
        f"{index}.{key}": value.cpu().contiguous()
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if value is not None  # as SGD's momentum where there is none
    }


def restore(optimizer: torch.optim.Optimizer, kept: dict[str, Tensor]) -> None:
    """Give an optimizer its moments back."""
    state = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in kept.items():
        index, key = name.split(".", 1)
        # the fused optimizer walks raw memory: moments must lie there in the order of their parameter
        laid_out = torch.empty_like(parameters[int(index)]).copy_(value) if value.ndim else value
        state["state"].setdefault(int(index), {})[key] = laid_out
    optimizer.load_state_dict(state)


def _read(place: Path) -> Checkpoint:
    text = (place / "progress.json").read_bytes()
    progress = records.from_json(text, Position, what=f"{place}/progress.json", error=DataError)
    weights, best = load_file(place / "weights.safetensors"), load_file(place / "best.safetensors")
    average = load_file(place / _AVERAGE) if (place / _AVERAGE).exists() else {}
    return Checkpoint(progress, weights, best, average, load_tensors(place / "optimizer.safetensors"))


def _require_of(place: Path, found: Checkpoint, network: Network, parameters: Sequence[Tensor]) -> None:
    """Refuse the state of another training, which would fail somewhere within torch, or learn nonsense."""
    try:
        for weights in (found.weights, found.best or found.weights):  # before the end of an epoch none is the best
            check_weights(network, weights)
    except NetworkError as problem:
        raise DataError(f"{place} belongs to another run, with another network: {problem}") from problem
    for name, value in found.moments.items():
        index = name.partition(".")[0]
        fits = index.isdecimal() and int(index) < len(parameters)
        if not fits or (value.ndim and value.shape != parameters[int(index)].shape):
            raise DataError(f"{place} belongs to another run: its optimizer moves something else, as {name} shows")


def _places(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("[0-9]*")) if folder.is_dir() else []
