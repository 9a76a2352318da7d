"""A budget of time: how many steps fit into it, by measurement, and again after every epoch; what may follow."""

import math
import time
from collections import deque
from typing import NamedTuple

from eyebright.system.errors import SettingsError
from eyebright.system.text import counted, duration
from eyebright.training.events.event import Emit, Event, Progress
from eyebright.training.settings import Settings

_SAVING_S = 5.0
_OVERRUN = 1.05  # of the budget: a preparation that is estimated to take longer is stopped
_EVALUATED_SHARE = 0.8  # of the time for all features: evaluating the head, in float32, on half of the images
_SURE_SHARE = 0.15  # of the budget: before that the speed of a stage is not reliable, since its start is slow
_EVALUATION_COST = 0.6  # time to evaluate an image in float32, as a share of the time to train on one
_TOP_EVALUATION_COST = 0.8  # the same where the first layers are frozen
VALIDATING = 0.4  # the same in the precision of the training
_CAREFUL = 0.95  # share of the time that is planned for
_RECENT = 3  # epochs by which the speed is measured: a machine is often busy only for a moment
_WORTHWHILE = 0.15  # of the budget
_MEASURING_SHARE = 0.02  # of the budget
_SLOW = ("preparing", "computing features")  # stages whose speed is watched
_FEWEST = 8  # fewer steps would train nothing
_PREPARED = 2.5  # answers that take as long as opening, comparing and evaluating an image, and its features
_TRAINED = 3  # and as a step with it (forwards, backwards, weights)


def answers_in(share: float, images: int, trained: int) -> float:
    """How many answers, in the precision of a training, take a share of its time.

    Counted and not measured, so that the same training does the same on every machine. Nothing is taken from a cache.

    Args:
        share: The share, 0 to 1.
        images: How many images it has.
        trained: On how many images steps were made, counted in each epoch.
    """
    return share * (_PREPARED * images + _TRAINED * trained)


class Deadline(NamedTuple):
    """The end of the budget.

    Args:
        minutes: The whole budget, in minutes.
        begun_at: When it started, on `time.monotonic`.
        evaluated: Images to evaluate between the training and the saved model.
        saving_s: Seconds to compile the graph, draw the curves and write the model.
        evaluation_cost: Time to evaluate an image, as a share of the time to train on one.
        epochs: How many are enough, however much time is left; 0 for as many as fit.
    """

    minutes: float
    begun_at: float
    evaluated: int
    saving_s: float = _SAVING_S
    evaluation_cost: float = _EVALUATION_COST
    epochs: int = 0

    @classmethod
    def of_training(cls, settings: Settings, begun_at: float, evaluated: int) -> "Deadline | None":
        """The deadline of a training with these settings; None if they have no budget. Arguments as of the class."""
        if not settings.minutes:
            return None
        cost = _TOP_EVALUATION_COST if settings.frozen else _EVALUATION_COST
        return cls(settings.minutes, begun_at, evaluated, evaluation_cost=cost)

    @property
    def left_s(self) -> float:
        """Seconds left of the budget."""
        return self.begun_at + 60 * self.minutes - time.monotonic()

    @property
    def used_s(self) -> float:
        """Seconds of the budget that were used."""
        return 60 * self.minutes - self.left_s

    def after(self, used_s: float) -> "Deadline":
        """The same for a training that is resumed: so much was used before it stopped."""
        return self._replace(begun_at=self.begun_at - used_s)

    def after_s(self, picture_s: float) -> float:
        """Seconds between the training and the saved model.

        Args:
            picture_s: Seconds in which this process trains on an image.
        """
        return self.saving_s + self.evaluated * picture_s * self.evaluation_cost

    @property
    def measuring_s(self) -> float:
        """Seconds after which no further step is measured, however busy the machine is."""
        return _MEASURING_SHARE * 60 * self.minutes

    @property
    def too_late(self) -> bool:
        """Whether so little is left that measuring a step is not worth the time."""
        return self.left_s < _WORTHWHILE * 60 * self.minutes


def watched(emit: Emit, minutes: float, begun_at: float) -> Emit:
    """The same receiver, but it stops the preparation of images if that would not end in time.

    Raises:
        SettingsError: From the receiver, with the minutes that are enough; what was prepared is kept.
    """
    if not minutes:
        return emit
    stage: tuple[str, int, float] = ("", 0, 0.0)

    def receive(event: Event) -> None:
        nonlocal stage
        emit(event)
        if not isinstance(event, Progress) or event.stage not in _SLOW or event.of is None:
            return
        now = time.monotonic()
        if stage[0] != event.stage or not event.done:  # the same stage may start again, for more images
            stage = (event.stage, event.done, now)
        made, took_s = event.done - stage[1], now - stage[2]
        if made and took_s > _SURE_SHARE * 60 * minutes:
            evaluating = _EVALUATED_SHARE * event.of if event.stage == "computing features" else 0.0
            needed_s = now - begun_at + took_s / made * (event.of - event.done + evaluating) + _SAVING_S
            if needed_s > _OVERRUN * 60 * minutes:
                raise SettingsError(
                    f"minutes = {minutes:g} is too short: preparing {counted(event.of, 'image')} ends after about "
                    f"{duration(needed_s)}; use minutes = {1.2 * needed_s / 60:.1f} or more. Images that are prepared "
                    "already are kept"
                )

    return receive


class Plan:
    """How many steps to make, and when to stop in any case.

    Args:
        deadline: The end of the budget.
        step_s: Measured seconds of a step; each epoch measures it again.
        picture_s: Seconds in which this process trains on an image.
        steps: Steps in an epoch.
        evaluated: Images that are evaluated after each epoch, of the training and the validation set.

    Raises:
        SettingsError: When there is no time to train; the error names the least budget.
    """

    def __init__(self, deadline: Deadline, step_s: float, *, picture_s: float, steps: int, evaluated: int) -> None:
        self.deadline, self.steps = deadline, steps
        self._after_s = deadline.after_s(picture_s)
        self._validation_s = evaluated * picture_s * VALIDATING
        self._step_s = step_s
        self._epochs: deque[tuple[int, float]] = deque(maxlen=_RECENT)  # steps and seconds of the last ones
        fewest = min(_FEWEST, steps)
        if self.more_steps() < fewest:
            used_s, least_s = deadline.used_s, self._after_s + (self._validation_s + fewest * step_s) / _CAREFUL
            raise SettingsError(
                f"minutes = {deadline.minutes:g} is too short: {duration(used_s)} were used before the training, and "
                f"training, evaluating and saving take at least {duration(least_s)}; use minutes = "
                f"{1.2 * (used_s + least_s) / 60:.1f} or more, or a smaller network"
            )

    @property
    def _left_s(self) -> float:
        """Seconds left for training and validation."""
        return self.deadline.left_s - self._after_s

    @property
    def over(self) -> bool:
        """Whether the epoch must end now, so that there is time to validate it."""
        return self._left_s <= self._validation_s

    def more_steps(self) -> int:
        """How many more steps fit."""
        left_s = _CAREFUL * self._left_s - self._validation_s
        epoch_s = self.steps * self._step_s + self._validation_s
        whole, rest_s = divmod(max(left_s, 0.0), epoch_s)
        return int(whole) * self.steps + min(int(rest_s / self._step_s), self.steps)

    @property
    def enough(self) -> float:
        """How many steps are enough for the training, however much time is left."""
        return self.deadline.epochs * self.steps or math.inf

    def remaining(self, made: int) -> tuple[int, float]:
        """How many more steps to make after so many, and the seconds for them."""
        more, left_s, wanted = self.more_steps(), self.deadline.left_s, max(self.enough - made, 0)
        if more <= wanted:
            return more, left_s
        return int(wanted), min(self.seconds(int(wanted)), left_s)

    def seconds(self, steps: int) -> float:
        """How long so many steps take, with the validations of their epochs."""
        return steps * self._step_s + math.ceil(steps / self.steps) * self._validation_s

    def measured(self, steps: int, training_s: float, validation_s: float) -> None:
        """Correct the plan by what an epoch took."""
        self._epochs.append((steps, training_s))
        done, took_s = map(sum, zip(*self._epochs, strict=True))
        ratio = took_s / max(done, 1) / self._step_s
        self._step_s *= ratio
        self._after_s = self.deadline.saving_s + (self._after_s - self.deadline.saving_s) * ratio
        self._validation_s = validation_s
