"""The weights that a training ends with: those of the start, of its best epoch, or a mean of both."""

from collections.abc import Callable

from eyebright.network import Weights
from eyebright.training.events.event import Emit
from eyebright.training.events.fitting import Blended, StartValidated
from eyebright.training.schedule import Position
from eyebright.training.torch.learner import Learner
from eyebright.training.torch.objective import Score

SHARES = 0.25, 0.5, 0.75
"""The means of start and epoch that are tried: shares of the weights of the epoch."""


class BestWeights:
    """The best weights so far, by the validation images.

    Attributes:
        weights: The weights; empty before anything was validated.
        start: The weights of the start, where they were validated; otherwise empty.

    Args:
        learner: The network that is trained.
        validate: Evaluates the network on the validation images.
        emit: Receives the events.
    """

    def __init__(self, learner: Learner, validate: Callable[[], Score], emit: Emit) -> None:
        self._learner, self._validate, self._emit = learner, validate, emit
        self.weights: Weights = {}
        self.start: Weights = {}

    def keep(self) -> None:
        """Keep the weights of the network: they are better than all before."""
        self.weights = self._learner.result.get_weights()

    def keep_start(self, score: Score) -> None:
        """Keep the weights of the network as those of epoch 0, with their score: an epoch must be better."""
        self.keep()
        self.start = self.weights
        self._emit(StartValidated(validation_loss=score.loss, validation_accuracy=score.accuracy,
                                  measure=self._learner.objective.measure))  # fmt: skip

    def or_mean(self, done: Position) -> Weights:
        """The best weights, or a mean of those of the start and of an epoch that has a lower validation loss.

        No mean is kept whose accuracy is below that of the start. Where no epoch was better than the start, means with
        the last epoch are tried.

        Args:
            done: The position at the end of the training.

        Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", eq. 1: means of the weights before and
        after tuning are often better than both, since a short tuning overshoots.
        """
        network = self._learner.result
        tuned, epoch = (self.weights, done.best_epoch) if done.best_epoch else (network.get_weights(), done.epoch)
        lowest, kept, found = done.best_loss, self.weights, None
        for share in SHARES:
            mean = {name: start + share * (tuned[name] - start) for name, start in self.start.items()}
            network.set_weights(mean)
            score = self._validate()
            if score.loss < lowest and score.accuracy >= done.start_accuracy:
                lowest, kept, found = score.loss, mean, (share, score)
        if found is not None:
            share, score = found
            measure = self._learner.objective.measure
            self._emit(Blended(share=share, epoch=epoch, validation_loss=score.loss,
                               validation_accuracy=score.accuracy, measure=measure))  # fmt: skip
        return kept
