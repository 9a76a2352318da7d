"""A network that learns: the loss, one training step, and the measurements on it."""

import math
import time
from collections.abc import Callable, Iterable
from itertools import chain

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from eyebright.data.batches import seed_of
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.network.torch import TorchNetwork
from eyebright.training.events.fitting import PrecisionChosen
from eyebright.training.schedule import Position
from eyebright.training.settings import ChosenPrecision, Settings
from eyebright.training.stages import frozen_layers
from eyebright.training.torch import hardware
from eyebright.training.torch.checkpoint import State
from eyebright.training.torch.distributed import ALONE, Group
from eyebright.training.torch.graph import StepGraph
from eyebright.training.torch.objective import Objective, Score
from eyebright.training.torch.optimizer import Average, make_optimizer, moments, restore_moments, set_rate
from eyebright.training.torch.transfer import Coming, late

_TIMED = 5  # batches by which time is measured


class StepResult:
    """The result of a step: loss and predictions before it, over the images of all ranks.

    Args:
        figures: Mean loss and number of correct predictions, maybe still on their way from a GPU.
        halt: What rank 0 decided at the end of the step: 0 to continue.
    """

    def __init__(self, figures: Coming, halt: int) -> None:
        self._figures, self.halt = figures, halt

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self._figures.values[0])

    @property
    def correct(self) -> int:
        """How many images were predicted correctly."""
        return int(self._figures.values[1])


class Learner:
    """A network with its optimizer.

    Args:
        network: The network.
        weights: The weights to start from; they are copied.
        settings: How to train.
        objective: What it is trained for: the loss and the score.
        group: The processes that train together.

    Attributes:
        ahead: Whether steps are made before the figures of the last ones are known, so that a GPU never waits.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        settings: Settings,
        objective: Objective,
        group: Group = ALONE,
    ) -> None:
        self.settings, self.objective, self.group = settings, objective, group
        self.device = hardware.find(settings.device, group.rank)
        self.ahead = self.device.type == "cuda" and group.size == 1
        self.module = TorchNetwork(faster(network), weights).to(self.device)
        self.module.freeze(frozen_layers(network, settings.frozen))
        if settings.norm_statistics == "kept":
            self.module.keep_statistics()
        self.optimizer = make_optimizer(self.module, network, settings, self.ahead)
        self.average = Average(faster(network), weights, settings.ema, self.device) if settings.ema else None
        self.precision: ChosenPrecision = "float32"
        self._graph = StepGraph() if self.ahead else None

    @property
    def result(self) -> TorchNetwork:
        """The network that is validated and kept: the average of the weights, if there is one."""
        return self.average.module if self.average else self.module

    @property
    def parameters(self) -> list[Tensor]:
        """What the optimizer changes, in its order."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def learn(
        self,
        batches: Iterable[tuple[Tensor, Tensor]],
        count: int,
        *,
        step: int,
        rate: float,
        halt: Callable[[], int] = lambda: 0,
    ) -> StepResult:
        """Make one step; nothing is changed if the loss is not finite.

        Args:
            batches: This rank's images and labels.
            count: How many images all ranks have together.
            step: Counted from 0; with the seed it decides what dropout drops.
            rate: The learning rate.
            halt: What rank 0 has to say to all ranks at the end of the step; the other ranks return 0.
        """
        rank = f" {self.group.rank}" if self.group.rank else ""  # each drops other values, since it has other images
        hardware.seed(self.device, seed_of(f"step {self.settings.seed} {step}{rank}") >> 1)
        for group in self.optimizer.param_groups:
            set_rate(group, rate * group["factor"])
        batches = iter(batches)
        first = [next(batches)] if self._graph is not None else []
        if self._graph is not None and len(first[0][1]) == count:
            figures, said = self._graph(self._whole_step, *map(self._here, first[0])), float(halt())
        else:
            figures, said = self._gradients(chain(first, batches), count), float(halt())
            if self.group.size > 1:
                *sums, said = self.group.add_up(self.parameters, [*figures.tolist(), said])
                figures = torch.tensor(sums, dtype=torch.float64)
            self._change(figures)
        if self.average and (self.ahead or math.isfinite(figures[0])):
            self.average.update(self.module, step)
        return StepResult(Coming(figures), int(said))

    def _gradients(self, batches: Iterable[tuple[Tensor, Tensor]], count: int) -> Tensor:
        """Compute the gradients of a step. Returns mean loss and correct predictions, as far as they are this rank's.

        Without `ahead`, this ends with the first loss that is not finite.
        """
        self.optimizer.zero_grad(set_to_none=True)
        figures = torch.zeros(2, dtype=torch.float64, device=self.device if self.ahead else hardware.CPU)
        for samples, targets in batches:
            loss, outputs = self.loss(samples, targets, self.precision)
            share = len(targets) / count
            correct = self.objective.hits(outputs, targets.to(self.device))
            figures += torch.stack([share * loss.detach().to(figures), correct.to(figures)])
            if not (self.ahead or math.isfinite(figures[0])):
                break
            (loss if share == 1 else share * loss).backward()  # type: ignore[no-untyped-call]
        return figures

    def _change(self, figures: Tensor) -> None:
        """Change the weights along their gradients, unless the loss is not finite."""
        if self.ahead:
            self.optimizer.found_inf = (~figures[0].isfinite()).float()  # type: ignore[attr-defined]  # the fused step
        elif not math.isfinite(figures[0]):
            return
        if self.settings.clip_norm:
            clip_grad_norm_(self.parameters, self.settings.clip_norm)
        self.optimizer.step()

    def release_memory(self) -> None:
        """Give back all that a GPU keeps beside the weights, before batches of another size."""
        self.optimizer.zero_grad(set_to_none=True)
        self._graph = StepGraph() if self.ahead else None
        hardware.release_memory(self.device)

    def _here(self, values: Tensor) -> Tensor:
        return values.to(self.device)

    def _whole_step(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """A step of one batch on a GPU; its figures."""
        figures = self._gradients([(pictures, labels)], len(labels))
        self._change(figures)
        return figures

    def loss(self, samples: Tensor, targets: Tensor, precision: ChosenPrecision) -> tuple[Tensor, Tensor]:
        """The mean loss of a batch, and the outputs of the network, float32 `(N, ...)`.

        Args:
            samples: What the supply gives: images, float32, `(N, C, H, W)`, or values in their place.
            targets: What the outputs should be, as the objective takes it.
            precision: In which to compute.
        """
        targets = targets.to(self.device)
        with hardware.autocast(precision, self.device):
            outputs = self.objective.outputs(self.module, samples.to(self.device)).float()
        return self.objective.loss(outputs, targets), outputs

    def validate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Score:
        """Evaluate `result` on samples and targets, in the precision and on the device of the training."""
        module, tally = self.result.eval(), self.objective.tally()
        with torch.no_grad(), hardware.autocast(self.precision, self.device):
            found = (
                (Coming(self.objective.outputs(module, samples.to(self.device)).float()), targets)
                for samples, targets in batches
            )
            for coming, targets in late(found):
                tally.add(coming.values.numpy(), targets.numpy())
        return tally.score

    def state(self, progress: Position, best: Weights) -> State:
        """All that is needed to continue, with the position and the best weights so far."""
        average = self.average.module.get_weights() if self.average else {}
        return State(progress, self.module.get_weights(), best, average, moments(self.optimizer))

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self.module.set_weights(state.weights)
        if self.average:
            self.average.module.set_weights(state.average or state.weights)
        restore_moments(self.optimizer, state.moments)
        self.release_memory()  # a recorded step changes the moments that there were before

    def seconds(self, pictures: Tensor, labels: Tensor, most_s: float) -> float:
        """How long loss and gradients of a batch take, in seconds, once a GPU is set up; the weights stay the same.

        Args:
            pictures: As in `loss`.
            labels: As in `loss`.
            most_s: After so many seconds of measuring no further measurement is started.
        """
        weights = self.module.get_weights()
        took: list[float] = []
        if self.device.type != "cpu":
            self._try(pictures, labels)  # libraries are loaded and choose what they use
        while len(took) < _TIMED and sum(took) < most_s:
            start = time.perf_counter()
            self._try(pictures, labels)
            took.append(time.perf_counter() - start)
        self.module.set_weights(weights)
        return sorted(took)[len(took) // 2]

    def choose_precision(self) -> PrecisionChosen:
        """Choose the precision, as the settings say or by the network and the processor."""
        chosen = hardware.choose(self.settings.precision, self.module.network, self.device)
        self.precision = chosen.precision
        return chosen

    def _try(self, pictures: Tensor, labels: Tensor) -> None:
        """Compute loss and gradients, and wait until that is done; statistics of batch norms change."""
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(pictures, labels, self.precision)[0].backward()  # type: ignore[no-untyped-call]
        hardware.wait(self.device)
