"""The display of a run or of other long work, fed with its events.

A result is shown in this order: what was found, what was done, how good it is, what to do next.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from eyebright.report.commands import advised, command_text, python_text, typed_path
from eyebright.report.screen import HEADING, HEADLINE, Screen, here
from eyebright.report.sentences import sentences
from eyebright.system.progress import Stage
from eyebright.system.text import clock
from eyebright.training.events import fitting, results, starting
from eyebright.training.events.event import Emit, Event, Progress, StepDone
from eyebright.training.receivers import to_all

_REFRESH_S = 0.1
_LEFT_SHOWN_S = 2.0  # seconds of a stage after which its rate is known well enough to show how long the rest takes
_TITLES: dict[Stage, str] = {
    "scanning": "looking for images",
    "preparing": "preparing images",
    "comparing": "comparing images",
    "computing features": "computing features",
    "downloading": "downloading",
    "unpacking": "unpacking",
    "trying learning rates": "trying learning rates",
    "evaluating": "evaluating",
    "training": "training",
}
_REASONS = {
    "finished": "Trained all epochs",
    "patience": "Stopped early after epoch {} (no further improvement)",
    "interrupted": "Interrupted after epoch {}",
    "budget": "Stopped after epoch {} (time is up)",
}


@contextmanager
def shown(callbacks: Iterable[Emit], *, verbose: bool) -> Iterator[Emit]:
    """One receiver for the callbacks and, if `verbose`, for a display on the screen that there is.

    A screen shows one display at a time: what runs inside a block that shows its work is called with `verbose=False`.
    """
    if not verbose:
        yield to_all(callbacks)
        return
    with Display(here()) as display:
        yield to_all([display, *callbacks])


class Display:
    """Shows events; use it as a context, and pass it wherever callbacks are received.

    Attributes:
        begun: Whether a run has started that can be resumed.
        run: The run's folder as it is written in a command.
        images: The images of the run as they are written in a command.

    Args:
        screen: Where to show them.
    """

    def __init__(self, screen: Screen) -> None:
        self.begun, self.run, self.images = False, "RUN", "PICTURES"
        self._screen = screen
        self._stage, self._stage_start_s, self._stage_first, self._shown_s = "", 0.0, 0, 0.0
        self._has_heading = self._has_plan = False
        self._results: list[results.Evaluated | results.VerdictReached] = []  # shown when the model is saved
        self._report = ""  # shown after them

    def __enter__(self) -> "Display":
        self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.stop()
        self._show_results()

    def __call__(self, event: Event) -> None:
        match event:
            case Progress():
                self.bar(_TITLES[event.stage], event.done, event.of, event.note)
            case StepDone():
                self._step(event)
            case fitting.Planned():
                self._planned(event)
            case fitting.StartValidated():
                self._start_row(event)
            case fitting.EpochEnded():
                self._epoch_row(event)
            case fitting.Stopped():
                self._stopped(event)
            case results.Evaluated() | results.VerdictReached():
                self._results.append(event)
            case results.Drawn():
                for line in sentences(event):
                    self._say(line, wrap=False)
            case results.ModelSaved():
                self.run = typed_path(str(Path(event.path).parent)) if self.run == "RUN" else self.run
                self._say(f"Model saved: {event.path}", wrap=False)
                self._show_results()
                if self._report:
                    self._say(f"Report: {self._report}", wrap=False)
            case results.Reported():
                self._report = event.path
            case results.HealingBegun():
                self._has_heading = self._has_plan = False
                self.run = typed_path(event.path)
                self._show_sentences(event)
            case results.Healed():
                self._healed(event)
            case starting.RunStarted():
                self.images = typed_path(event.pictures) if event.pictures else self.images
                self._started(event)
            case starting.Resumed():
                self._started(event)
            case _:
                self._show_sentences(event)

    def bar(self, title: str, done: int, of: int | None, note: str = "") -> None:
        """Show how far a stage is.

        Args:
            title: The stage.
            done: How many units of it are done.
            of: How many there are; None where that is not known.
            note: What else to show.
        """
        rate = self._rate(title, done)
        if rate and of is not None and time.monotonic() - self._stage_start_s >= _LEFT_SHOWN_S:
            note = f"{note}  {clock((of - done) / rate)} left".lstrip()
        self._move(done, of, note)

    def _step(self, event: StepDone) -> None:
        rate = self._rate(f"epoch {event.epoch}/{event.epochs}", event.pictures)
        note = f"loss {event.loss:.3f}"
        note += "" if event.accuracy is None else f"  accuracy {event.accuracy:.1%}"
        if rate:
            left = (event.epochs - event.epoch + 1) * event.of - event.pictures
            note += f"  {rate:,.0f}/s  {clock(left / rate)} left"
        self._move(event.pictures, event.of, note)

    def _rate(self, title: str, done: int) -> float:
        """Units per second since the first report of this stage, which is shown from now on; 0 where not known yet."""
        now = time.monotonic()
        if title != self._stage:
            self._wait(title)
            self._stage_start_s, self._stage_first = now, done
        return (done - self._stage_first) / max(now - self._stage_start_s, 1e-9)

    def _move(self, done: int, of: int | None, note: str) -> None:
        """Move the bar, not more often than an eye can follow."""
        now = time.monotonic()
        if done == of or now - self._shown_s >= _REFRESH_S:
            self._shown_s = now
            self._screen.move(done, of, note)

    def _wait(self, title: str) -> None:
        """Show a stage, before its first report."""
        self._stage, self._shown_s = title, 0.0
        self._screen.wait(title)

    def _started(self, event: starting.RunStarted | starting.Resumed) -> None:
        self.begun = True
        self._show_sentences(event)
        self._wait("starting the training")

    def _planned(self, event: fitting.Planned) -> None:
        """Said once; later plans change only the number of epochs in the rows."""
        if not self._has_plan:
            self._show_sentences(event)
            self._has_plan, self._stage = True, ""  # the steps before this were those of a trial

    def _start_row(self, event: fitting.StartValidated) -> None:
        self._heading(event.measure)
        self._say(f"{'start':>9} {'':23} {event.validation_loss:17.3f} {event.validation_accuracy:9.1%}")

    def _epoch_row(self, event: fitting.EpochEnded) -> None:
        self._heading(event.measure)
        mark = "*" if event.best else " "
        self._say(
            f"{event.epoch:4d}/{event.epochs:<4d} {event.train_loss:13.3f} {event.train_accuracy:9.1%} "
            f"{event.validation_loss:17.3f} {event.validation_accuracy:9.1%} {mark} {event.pictures_per_second:9,.0f}"
        )

    def _heading(self, measure: str) -> None:
        if not self._has_heading:
            columns = f"training loss {measure:>9}    validation loss {measure:>9}     images/s"
            self._say(f"   epoch    {columns}", style=HEADING)
            self._has_heading = True

    def _stopped(self, event: fitting.Stopped) -> None:
        if event.epoch:
            kept = "No epoch was better than the start."
            if event.best_epoch:
                kept = f"The model has the weights of epoch {event.best_epoch} (marked *)."
            self._say(f"{_REASONS[event.reason].format(event.epoch)}. {kept}")
        self._wait("evaluating")

    def _show_results(self) -> None:
        """How good the model is, and then what the verdict advises."""
        for result in sorted(self._results, key=lambda result: isinstance(result, results.VerdictReached)):
            if isinstance(result, results.VerdictReached):
                self._show_verdict(result)
            else:
                headline, *more = sentences(result)
                self._say(headline, style=HEADLINE)
                for line in more:
                    self._say(line)
        self._results = []

    def _show_verdict(self, event: results.VerdictReached) -> None:
        """The first verdict in full, with what to type in the user's own names; the others in a few words."""
        words, commands = advised(event.advice, self.run, self.images)
        self._say(f"{event.text} {words}".strip())
        in_python = event.remedy and self.run == "RUN"  # nothing was saved that a command could repeat
        for line in python_text(event.remedy) if in_python else map(command_text, commands):
            self._say(line, wrap=False)
        for other in event.others:
            self._say(f"Also {other.kind}: {other.short}.")

    def _healed(self, event: results.Healed) -> None:
        headline, *more = sentences(event)
        self._say(headline, style=HEADLINE)
        for line in more:
            self._say(line)
        self._say(f"Kept: {event.kept}", wrap=False)

    def _show_sentences(self, event: Event) -> None:
        for line in sentences(event):
            self._say(line)

    def _say(self, text: str, *, wrap: bool = True, style: str = "") -> None:
        self._screen.say(text, style=style, wrap=wrap)
