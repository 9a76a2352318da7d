"""Where a training stands, within an epoch too: enough to go on to the same weights as if it had never stopped.

FOLDER/000001200/   the state after so many steps; it stands there whole or not at all, and the last two are kept
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from eyebright import codec, files
from eyebright.codec import Record
from eyebright.errors import DataError, NetworkError, OutputError
from eyebright.network import Network, Weights, check_weights

KEPT = 2
_AVERAGE = "average.safetensors"


class Progress(Record, frozen=True, kw_only=True):
    """How far a training has come, and how good it was at its best.

    Args:
        epoch: Complete epochs.
        step: Steps made in all.
        seen: Pictures learned in the epoch that is not complete yet; `losses` and `correct` are sums over them.
        best_epoch: The epoch whose weights are kept, with its accuracy and loss on the validation pictures.
        lowest_loss: The lowest loss on the validation pictures so far.
        stale_epochs: Epochs since anything got better.
        leg: How many times more epochs have been begun than were planned at first; see `training/legs.py`.
        leg_epoch: Complete epochs when this leg began, and steps made by then, `leg_step`.
        phase: With a budget of time, how much of the schedule was gone through, 0 to 1, at the step `phase_step`.
        planned: How many steps the plan made at that step foresees in all.
        used_s: Seconds of the budget that had gone by.
    """

    epoch: int = 0
    step: int = 0
    seen: int = 0
    losses: float = 0.0
    correct: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = sys.float_info.max  # JSON knows no infinity
    lowest_loss: float = sys.float_info.max
    stale_epochs: int = 0
    leg: int = 0
    leg_epoch: int = 0
    leg_step: int = 0
    phase: float = 0.0
    phase_step: int = 0
    planned: int = 0
    used_s: float = 0.0

    def at_start(self, loss: float, accuracy: float) -> "Progress":
        """Before the first epoch, with the loss and accuracy of the weights that are started from."""
        return msgspec.structs.replace(self, best_accuracy=accuracy, best_loss=loss, lowest_loss=loss)

    def after_step(self, count: int, loss: float, correct: int) -> "Progress":
        """One step further: how many pictures it had, their mean loss, how many were told right."""
        return msgspec.structs.replace(
            self,
            step=self.step + 1,
            seen=self.seen + count,
            losses=self.losses + loss * count,
            correct=self.correct + correct,
        )

    def after_epoch(self, loss: float, accuracy: float) -> "Progress":
        """One epoch further, with its loss and accuracy on the validation pictures."""
        best = (accuracy, -loss) > (self.best_accuracy, -self.best_loss)
        if not self.best_epoch and self.best_accuracy >= 0:  # a good start is not left for one picture more
            best &= loss < self.best_loss
        return msgspec.structs.replace(
            self,
            epoch=self.epoch + 1,
            seen=0,
            losses=0.0,
            correct=0,
            best_epoch=self.epoch + 1 if best else self.best_epoch,
            best_accuracy=accuracy if best else self.best_accuracy,
            best_loss=loss if best else self.best_loss,
            lowest_loss=min(loss, self.lowest_loss),
            stale_epochs=0 if best or loss < self.lowest_loss else self.stale_epochs + 1,
        )

    def at_phase(self, phase: float, planned: int) -> "Progress":
        """With so much of the schedule gone through, and the rest of it spread over the steps up to `planned`."""
        return msgspec.structs.replace(self, phase=phase, phase_step=self.step, planned=planned)

    def at_time(self, used_s: float) -> "Progress":
        """With so many seconds of the budget gone by."""
        return msgspec.structs.replace(self, used_s=used_s)

    def next_leg(self) -> "Progress":
        """At the beginning of the epochs that were added."""
        return msgspec.structs.replace(self, leg=self.leg + 1, leg_epoch=self.epoch, leg_step=self.step, stale_epochs=0)


class Checkpoint(NamedTuple):
    """What was kept: how far the training was, its weights, those of its best epoch, their mean over the steps (where
    there is one), the optimizer's moments.
    """

    progress: Progress
    weights: Weights
    best: Weights
    average: Weights
    moments: dict[str, Tensor]


def save(
    folder: Path,
    progress: Progress,
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
        (place / "progress.json").write_text(codec.to_json(progress), encoding="utf-8")
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
    progress = codec.from_json(text, Progress, what=f"{place}/progress.json", error=DataError)
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
