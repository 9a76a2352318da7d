"""A budget of time: how many steps fit into it, found by measuring, and found again after every epoch."""

import time
from collections import deque
from typing import NamedTuple

from eyebright.system.errors import SettingsError
from eyebright.training.events import AnyEvent, Emit, Progress

_SAVING_S = 4.0
_OVERRUN = 1.05  # of the budget: a projection beyond it is worth stopping for
_JUDGED_SHARE = 0.8  # of the time for all features: to judge the head, in float32, on half of the pictures
_SURE_SHARE = 0.15  # of the budget: after that the pace of a stage is believed, whose beginning is slow
_JUDGING = 0.6  # time of a picture that is judged in float32, over that of one that is learned
VALIDATING = 0.4  # the same in the precision of the training
_CAREFUL = 0.95  # share of the time that is planned with
_RECENT = 3  # epochs from which the pace is told: a machine that is busy for a moment is soon itself again
_WORTHWHILE = 0.15  # of the budget
_SLOW = ("preparing", "computing features")  # stages whose pace is watched
_FEWEST = 8  # steps below which nothing is learned


class Deadline(NamedTuple):
    """When everything is to be done.

    Args:
        minutes: The whole budget, for messages.
        begun_at: When it began, on `time.monotonic`.
        judged: How many pictures will be judged after the training, before the model stands.
        saving_s: What compiling the graph, drawing the curves and writing the model take.
    """

    minutes: float
    begun_at: float
    judged: int
    saving_s: float = _SAVING_S

    @property
    def left_s(self) -> float:
        """Seconds left of the budget."""
        return self.begun_at + 60 * self.minutes - time.monotonic()

    @property
    def used_s(self) -> float:
        """Seconds of the budget that have gone by."""
        return 60 * self.minutes - self.left_s

    def after(self, used_s: float) -> "Deadline":
        """The same for a training that goes on: so much was used before it was stopped."""
        return self._replace(begun_at=self.begun_at - used_s)

    @property
    def too_late(self) -> bool:
        """Whether so little is left that it is not worth measuring what could be learned in it."""
        return self.left_s < _WORTHWHILE * 60 * self.minutes


def watched(emit: Emit, minutes: float, begun_at: float) -> Emit:
    """The same receiver, which stops the preparation of pictures where it will not be done in time.

    Raises:
        SettingsError: From within, with the minutes that would do; what was prepared is kept.
    """
    if not minutes:
        return emit
    stage: tuple[str, int, float] = ("", 0, 0.0)

    def receive(event: AnyEvent) -> None:
        nonlocal stage
        emit(event)
        if not isinstance(event, Progress) or event.stage not in _SLOW or event.of is None:
            return
        now = time.monotonic()
        if stage[0] != event.stage:
            stage = (event.stage, event.done, now)
        made, took_s = event.done - stage[1], now - stage[2]
        if made and took_s > _SURE_SHARE * 60 * minutes:
            judging = _JUDGED_SHARE * event.of if event.stage == "computing features" else 0.0
            needed_s = now - begun_at + took_s / made * (event.of - event.done + judging) + _SAVING_S
            if needed_s > _OVERRUN * 60 * minutes:
                raise SettingsError(
                    f"{minutes:g} minutes are too few: preparing {event.of:,} pictures takes until {needed_s:.0f} s; "
                    f"give {1.2 * needed_s / 60:.1f} minutes or more. What was prepared so far is kept"
                )

    return receive


class Plan:
    """How many steps to make, and when to stop whatever was planned.

    Args:
        deadline: When everything is to be done.
        step_s: Seconds of a step, measured; an epoch measures it again.
        picture_s: Seconds in which this process learns a picture.
        steps: Of an epoch.
        validation: Pictures judged after each epoch.

    Raises:
        SettingsError: When there is no time to learn anything; names the least.
    """

    def __init__(self, deadline: Deadline, step_s: float, *, picture_s: float, steps: int, validation: int) -> None:
        self.deadline, self.steps = deadline, steps
        self._after_s = deadline.saving_s + deadline.judged * picture_s * _JUDGING
        self._validation_s = validation * picture_s * VALIDATING
        self._step_s = step_s
        self._epochs: deque[tuple[int, float]] = deque(maxlen=_RECENT)  # steps made and seconds, of the last ones
        fewest = min(_FEWEST, steps)
        if self.more_steps() < fewest:
            used_s, least_s = deadline.used_s, self._after_s + (self._validation_s + fewest * step_s) / _CAREFUL
            raise SettingsError(
                f"{deadline.minutes:g} minutes are too few: {used_s:.0f} seconds went by before the training, and "
                f"learning, judging and saving take {least_s:.0f} at least; give {1.2 * (used_s + least_s) / 60:.1f} "
                "minutes or more, or a smaller network"
            )

    @property
    def _left_s(self) -> float:
        """Seconds left for training and validation."""
        return self.deadline.left_s - self._after_s

    @property
    def over(self) -> bool:
        """Whether the epoch must end now, so that there is time to judge it."""
        return self._left_s <= self._validation_s

    def more_steps(self) -> int:
        """How many more steps fit."""
        left_s = _CAREFUL * self._left_s - self._validation_s
        epoch_s = self.steps * self._step_s + self._validation_s
        whole, rest_s = divmod(max(left_s, 0.0), epoch_s)
        return int(whole) * self.steps + min(int(rest_s / self._step_s), self.steps)

    def measured(self, steps: int, training_s: float, validation_s: float) -> None:
        """Take over what an epoch took."""
        self._epochs.append((steps, training_s))
        made, took_s = map(sum, zip(*self._epochs, strict=True))
        ratio = took_s / max(made, 1) / self._step_s
        self._step_s *= ratio
        self._after_s = self.deadline.saving_s + (self._after_s - self.deadline.saving_s) * ratio
        self._validation_s = validation_s
