"""Where a training stands after an epoch: enough to go on to the same weights as if it had never stopped."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors

from eyebright import codec, files
from eyebright.codec import Record
from eyebright.errors import DataError
from eyebright.network import Weights


class Progress(Record, frozen=True, kw_only=True):
    """How far a training has come, and how good it was at its best."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = float("inf")
    lowest_loss: float = float("inf")
    stale_epochs: int = 0


def save(folder: Path, progress: Progress, weights: Weights, best: Weights, optimizer: torch.optim.Optimizer) -> None:
    """Write a checkpoint in the place of the one before."""
    moments = {
        f"{index}.{key}": value.contiguous()
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }
    with files.new_folder(folder, overwrite=True, made_with=["progress.json"]) as place:
        save_file(weights, place / "weights.safetensors")
        save_file(best, place / "best.safetensors")
        save_tensors(moments, place / "optimizer.safetensors")
        (place / "progress.json").write_text(codec.to_json(progress), encoding="utf-8")


def load(folder: Path, optimizer: torch.optim.Optimizer) -> tuple[Progress, Weights, Weights]:
    """Read a checkpoint: how far it is, the weights, the best weights; the optimizer takes over its state.

    Raises:
        DataError: When there is none, or it is damaged.
    """
    place = files.standing(folder)
    try:
        text = (place / "progress.json").read_bytes()
        weights, best = load_file(place / "weights.safetensors"), load_file(place / "best.safetensors")
        moments = load_tensors(place / "optimizer.safetensors")
    except (OSError, SafetensorError) as problem:
        raise DataError(f"the checkpoint {folder} cannot be read: {problem}") from problem
    state = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in moments.items():
        index, key = name.split(".", 1)
        # the fused optimizer walks raw memory: moments must lie there in the order of their parameter
        laid_out = torch.empty_like(parameters[int(index)]).copy_(value) if value.ndim else value
        state["state"].setdefault(int(index), {})[key] = laid_out
    optimizer.load_state_dict(state)
    progress = codec.from_json(text, Progress, what=f"{folder}/progress.json", error=DataError)
    return progress, dict(weights), dict(best)
