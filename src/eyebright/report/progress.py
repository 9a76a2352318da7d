"""The course of a run on the terminal: bars that move where there is a terminal, one line for each epoch anywhere."""

import shlex
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column

from eyebright.report.telling import told
from eyebright.system.progress import Stage
from eyebright.system.text import clock
from eyebright.training import events
from eyebright.training.events import AnyEvent

_REFRESH_S = 0.1
_TITLES: dict[Stage, str] = {
    "scanning": "looking for pictures",
    "preparing": "preparing pictures",
    "comparing": "comparing pictures",
    "computing features": "computing features",
    "downloading": "downloading",
    "unpacking": "unpacking",
    "trying learning rates": "trying rates",
}


class Display:
    """Shows events; use it as a context, and pass it wherever events are received.

    Args:
        console: Where to show them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._shown_at = 0.0
        self._epoch_start, self._epoch = 0.0, 0
        self._header = self._foretold = False
        self.begun = False  # whether a run has begun, that can be gone on with
        self.run = "RUN"  # the folder of the run that is shown, as commands name it

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: AnyEvent) -> None:
        self.begun |= isinstance(event, events.RunStarted | events.Resumed)
        match event:
            case events.Progress():
                self._bar(event.stage, _TITLES[event.stage], event.done, event.of, event.note)
            case events.StepDone():
                self._step(event)
            case events.Planned():
                self._planned(event)
            case events.StartJudged():
                self._start_line(event)
            case events.EpochEnded():
                self._epoch_line(event)
            case events.Stopped():
                self._stopped(event)
            case events.Judged():
                self._judged(event)
            case events.HealingBegun():
                self._header = self._foretold = False
                self.run = shlex.quote(event.path)
                self._tell(event)
            case events.Healed():
                self._tell(event)
                self._say(f"Kept: {event.kept}", wrap=False)
            case events.ModelSaved():
                self._say(f"Model saved: {event.path}", wrap=False)
            case _:
                self._tell(event)

    def _tell(self, event: AnyEvent) -> None:
        for line in told(event):
            self._say(line)

    def _say(self, text: str, *, wrap: bool = True) -> None:
        """Print a line; one that is to be copied is better not wrapped."""
        self._console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=not wrap)

    def _bar(self, stage: str, title: str, done: int, of: int | None, note: str) -> None:
        """Move the bar, or begin another; not more often than an eye can follow."""
        now = time.monotonic()
        if stage == self._stage and now - self._shown_at < _REFRESH_S and done != of:
            return
        self._shown_at = now
        if stage != self._stage or self._task is None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task, self._stage = self._progress.add_task(title, total=of, note=note), stage
        self._progress.update(self._task, description=title, completed=done, total=of, note=note)

    def _step(self, event: events.StepDone) -> None:
        now = time.monotonic()
        if event.epoch != self._epoch:
            self._epoch, self._epoch_start = event.epoch, now
            self._first = event.pictures
        rate = (event.pictures - self._first) / max(now - self._epoch_start, 1e-9)
        left = ((event.epochs - event.epoch) * event.of + event.of - event.pictures) / rate if rate else 0.0
        note = f"loss {event.loss:.3f}  accuracy {event.accuracy:.1%}"
        if rate:
            note += f"  {rate:,.0f}/s  {clock(left)} left"
        self._bar("epoch", f"epoch {event.epoch}/{event.epochs}", event.pictures, event.of, note)

    def _planned(self, event: events.Planned) -> None:
        """Said once; later plans only change how many epochs the lines tell."""
        if not self._foretold:
            self._tell(event)
            self._foretold, self._epoch = True, 0  # the steps before were those of a trial

    def _start_line(self, event: events.StartJudged) -> None:
        self._heading()
        self._say(f"{'start':>9} {'':23} {event.validation_loss:17.3f} {event.validation_accuracy:9.1%}")

    def _heading(self) -> None:
        if not self._header:
            self._say("   epoch    training loss  accuracy    validation loss  accuracy   pictures/s")
            self._header = True

    def _epoch_line(self, event: events.EpochEnded) -> None:
        self._heading()
        mark = "*" if event.best else " "
        self._say(
            f"{event.epoch:4d}/{event.epochs:<4d} {event.train_loss:13.3f} {event.train_accuracy:9.1%} "
            f"{event.validation_loss:17.3f} {event.validation_accuracy:9.1%} {mark} {event.pictures_per_second:9,.0f}"
        )

    def _judged(self, event: events.Judged) -> None:
        """The first verdict in full, its command not wrapped; of the others what they are."""
        words, *commands = event.advice.split("\n")
        self._say(f"{event.text} {words}".strip())
        for line in commands:
            self._say(line.replace(" RUN/", f" {self.run}/"), wrap=False)
        for other in event.others:
            self._say(f"Also {other.kind}: {other.short}.")

    def _stopped(self, event: events.Stopped) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        reason = {
            "finished": "Trained for all epochs",
            "patience": f"Stopped after epoch {event.epoch}, since nothing got better any more",
            "interrupted": f"Interrupted after epoch {event.epoch}",
            "budget": "Trained as long as the time allowed",
        }[event.reason]
        if event.epoch:
            kept = (
                f"of epoch {event.best_epoch}, marked *" if event.best_epoch else "that it started from: no better came"
            )
            self._say(f"{reason}; kept the weights {kept}.")
