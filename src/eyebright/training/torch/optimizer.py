"""What changes the weights: the optimizer, whose moments go into checkpoints, and the average over the steps."""

import inspect
from typing import Any, TypeVar

import torch
from torch import Tensor

from eyebright.network import Network, Weights
from eyebright.network.torch import TorchNetwork
from eyebright.training.settings import Settings
from eyebright.training.stages import decaying, rate_factors
from eyebright.training.torch import hardware

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def eager(kind: type[Kind]) -> type[Kind]:
    """A kind of optimizer without what torch wraps around it for `torch.compile`, which takes 2 s to import."""
    methods = {
        name: inspect.unwrap(getattr(kind, name))
        for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    }
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(inspect.unwrap(kind.step))})


def make_optimizer(module: TorchNetwork, network: Network, settings: Settings, ahead: bool) -> torch.optim.Optimizer:
    """The optimizer, with a group for each learning rate and weight decay; frozen parameters are in none."""
    factors = rate_factors(network, settings.stage_decay)
    decayed = {f"{name}.{key}" for name, place in network.places.items() for key in decaying(place)}
    groups: dict[tuple[float, bool], list[Tensor]] = {(1.0, True): [], (1.0, False): []}
    for name, tensor in module.named_tensors():
        if tensor.requires_grad:
            groups.setdefault((factors[name.rpartition(".")[0]], name in decayed), []).append(tensor)
    described: list[dict[str, Any]] = [
        {"params": tensors, "factor": factor, "weight_decay": settings.weight_decay if decays else 0.0}
        for (factor, decays), tensors in groups.items()
        if tensors
    ]
    if ahead:  # so that a recorded step reads the rate of the day
        described = [group | {"lr": torch.ones((), device=group["params"][0].device)} for group in described]
    if settings.optimizer == "adamw":
        adamw = eager(torch.optim.AdamW)(described, fused=True, capturable=ahead)
        adamw._warned_capturable_if_run_uncaptured = True  # both is meant
        return adamw
    nesterov = settings.nesterov and settings.momentum > 0
    return eager(torch.optim.SGD)(described, lr=1.0, momentum=settings.momentum, nesterov=nesterov, fused=True)


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a group of the optimizer."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """A copy of what an optimizer keeps for each tensor, by the tensor's number and a name."""
    return {
        f"{index}.{key}": value.cpu().clone(memory_format=torch.contiguous_format)
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if value is not None  # as SGD's buffer is without momentum
    }


def restore_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """Continue with the moments of a checkpoint."""
    state = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in moments.items():
        index, key = name.split(".", 1)
        # the fused optimizer walks raw memory: moments must have the memory layout of their parameter
        laid_out = torch.empty_like(parameters[int(index)]).copy_(value) if value.ndim else value
        state["state"].setdefault(int(index), {})[key] = laid_out
    optimizer.load_state_dict(state)


class Average:
    """An exponential moving average of the weights over the steps (EMA), in a network of its own.

    The running statistics of batch norms are averaged as the weights are. The average starts short, so that the first
    steps do not weigh too much: a tenth of the steps so far, at most `1 / (1 - decay)`.

    Sources: Polyak and Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage (`num_updates`).

    Args:
        network: The network.
        weights: The weights before the first step.
        decay: The largest share of the average that is kept in each step.
        device: Where it is computed.
    """

    def __init__(self, network: Network, weights: Weights, decay: float, device: torch.device = hardware.CPU) -> None:
        self.module = TorchNetwork(network, weights).to(device).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, module: TorchNetwork, step: int) -> None:
        """Add the weights after a step, counted from 0."""
        mean = [tensor for _, tensor in self.module.named_tensors()]
        now = [tensor for _, tensor in module.named_tensors()]
        torch._foreach_lerp_(mean, now, 1 - decay_at(step, self.decay))


def decay_at(step: int, decay: float) -> float:
    """The share of the average that is kept in a step, counted from 0."""
    return min(decay, (1 + step) / (10 + step))
