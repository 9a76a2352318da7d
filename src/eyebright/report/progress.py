"""The course of a run on the terminal: bars that move where there is a terminal, one line for each epoch anywhere."""

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column

from eyebright.report.preview import fit_text
from eyebright.training import events
from eyebright.training.events import AnyEvent

_REFRESH_S = 0.1
_SHOWN = 10
_WORTH_TELLING = 0.005  # of the test pictures


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
        self._kind: type[AnyEvent] | None = None
        self._shown_at = 0.0
        self._epoch_start, self._epoch = 0.0, 0
        self._header = False
        self.begun = False  # whether a run has begun, that can be gone on with

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
            case events.Scanning():
                self._bar(event, "looking for pictures", event.found, None, "")
            case events.Preparing():
                self._bar(event, "preparing pictures", event.done, event.of, "")
            case events.Looking():
                self._bar(event, "looking at pictures", event.done, event.of, "")
            case events.Comparing():
                self._bar(event, "comparing pictures", event.done, event.of, "")
            case events.Downloading():
                self._bar(event, "downloading weights", event.done, event.of, "")
            case events.StepDone():
                self._step(event)
            case events.RateTried():
                self._bar(event, "trying rates", event.step, event.of, f"rate {event.rate:.1e}  loss {event.loss:.3f}")
            case events.RunStarted():
                self._started(event)
            case events.FitChosen():
                if said := fit_text(event):
                    self._say(said)
            case events.Streaming():
                self._say(
                    f"The disk of the cache has no room for {event.size_bytes / 1e6:,.0f} MB of prepared pictures: "
                    "each is opened anew whenever it is needed. Make room, or set EYEBRIGHT_CACHE, to train faster."
                )
            case events.Resumed():
                within = f" and {event.pictures:,} pictures of the next" if event.pictures else ""
                self._say(f"Going on after epoch {event.epoch}{within}.")
            case events.Extended():
                self._say(
                    f"Up to epoch {event.epochs} instead of {event.planned}: after those that were planned, the "
                    f"learning rate falls anew, from a tenth of its peak, {event.learning_rate:.2g}."
                )
            case events.SharedOut():
                self._shared_out(event)
            case events.PicturesGone():
                count = f"{len(event.names):,} (all in left_out.csv)"
                self._say(f"Gone since the run began, and left out from now on: {count}")
                self._list(event.names)
            case events.PrecisionChosen():
                where = f"{event.threads} threads" if event.device == "cpu" else event.device
                self._say(f"Computing in {event.precision} on {where}: {event.reason}.")
            case events.BatchLowered():
                needed, free = event.needed_bytes / 1e6, event.free_bytes / 1e6
                why = f"needs about {needed:,.0f} MB of the {free:,.0f} MB free" if needed else "the device refused"
                self._say(
                    f"Too little memory for the batch, which {why}: batches of {event.batch_size} instead, "
                    f"{event.accumulation} of them added into a step."
                )
            case events.Unavailable():
                self._say(f"Published weights cannot be had, so a network is trained from scratch: {event.reason}")
            case events.MirroringJudged(same=False):
                self._say(
                    "Training pictures are not mirrored, since these come one way round: a plain classifier tells "
                    f"{event.accuracy:.0%} of {event.pictures:,} validation pictures, and of the same mirrored "
                    f"{event.mirrored_accuracy:.0%}."
                )
            case events.Tried():
                self._say(
                    f"Tried {event.what}: {event.validation_accuracy:.1%} of the validation pictures right, loss "
                    f"{event.validation_loss:.3f}, after {_duration(event.seconds)}."
                )
            case events.CrossValidated():
                self._say(
                    f"So few pictures are better judged by cross-validation: {event.accuracy:.1%} of all "
                    f"{event.pictures:,} right (95 % interval {event.low:.1%} to {event.high:.1%}), each by a head "
                    "that had not seen it."
                )
            case events.Planned():
                self._planned(event)
            case events.StartJudged():
                self._start_line(event)
            case events.EpochEnded():
                self._epoch_line(event)
            case events.Stopped():
                self._stopped(event)
            case events.Calibrated():
                self._say(
                    f"Confidence: temperature {event.temperature:.2f}; on validation the calibration error went from "
                    f"{event.error_before:.3f} to {event.error_after:.3f}."
                )
            case events.Judged():
                self._judged(event)
            case events.Evaluated():
                self._say(
                    f"Test accuracy {event.accuracy:.1%} (95 % interval {event.low:.1%} to {event.high:.1%}) on "
                    f"{event.pictures:,} pictures that entered no choice."
                )
                if event.seen:
                    self._say(f"{event.seen:,} others did not count: the model has seen them before.")
            case events.HealingBegun():
                self._healing(event)
            case events.Healed():
                self._healed(event)
            case events.ModelSaved():
                self._say(f"Model saved: {event.path}", wrap=False)

    def _say(self, text: str, *, wrap: bool = True) -> None:
        """Print a line; one that is to be copied is better not wrapped."""
        self._console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=not wrap)

    def _list(self, lines: Sequence[str]) -> None:
        for line in lines[:_SHOWN]:
            self._say(f"  {line}")

    def _bar(self, event: AnyEvent, title: str, done: int, of: int | None, note: str) -> None:
        """Move the bar, or begin another; not more often than an eye can follow."""
        now = time.monotonic()
        if type(event) is self._kind and now - self._shown_at < _REFRESH_S and done != of:
            return
        self._shown_at = now
        if type(event) is not self._kind or self._task is None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task, self._kind = self._progress.add_task(title, total=of, note=note), type(event)
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
            note += f"  {rate:,.0f}/s  {_duration(left)} left"
        self._bar(event, f"epoch {event.epoch}/{event.epochs}", event.pictures, event.of, note)

    def _started(self, event: events.RunStarted) -> None:
        total = event.train + event.validation + event.test
        self._say(
            f"{total:,} pictures in {len(event.classes)} classes: {event.train:,} to train, {event.validation:,} to "
            f"validate, {event.test:,} to test."
        )
        if event.left_out:
            self._say(f"Left out, since they cannot be opened: {len(event.left_out):,} (all in left_out.csv)")
            self._list(event.left_out)
        if event.leaking:
            self._say(f"Left out, since the very same pictures are on a later side: {event.leaking:,}")
        if event.naive_leak >= _WORTH_TELLING:
            self._say(
                f"A random split would have had the like of {event.naive_leak:.0%} of its test pictures in training: "
                "copies and pictures of one burst are kept on one side."
            )
        self._say(f"{event.network} at {event.size}x{event.size}: {event.parameters:,} parameters.")

    def _shared_out(self, event: events.SharedOut) -> None:
        own = event.batch_size // event.processes
        self._say(
            f"{event.processes} processes train together: each has {own} of the {event.batch_size} pictures of a batch."
        )
        if event.norms:
            self._say("Batch norms take the statistics of a process's own pictures; those of the first are kept.")

    def _planned(self, event: events.Planned) -> None:
        """Said once; later plans only change how many epochs the lines tell."""
        if not event.steps:
            self._say("There is no time left to tune the network further.")
        elif not self._epoch:
            steps = f"{event.steps:,} steps, {event.epochs:.1f} epochs,"
            self._say(f"{steps} are to take about {_duration(event.seconds)}.")

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
            self._say(line, wrap=False)
        for other in event.others:
            self._say(f"Also {other.kind}: {other.short}.")

    def _healing(self, event: events.HealingBegun) -> None:
        changes = ", ".join(f"{name} {value}" for name, value in event.changes.items())
        about = _duration(max(event.seconds, 1))
        self._header = False
        self._say(f"Healing ({event.kind}): training again with {changes}; about {about} minutes.")

    def _healed(self, event: events.Healed) -> None:
        low, high = 100 * event.difference.low, 100 * event.difference.high
        better = "better" if low > 0 else "worse" if high < 0 else "not surely different"
        self._say(
            f"The second is {better}: of the same {event.pictures:,} validation pictures it tells "
            f"{event.after.value:.1%}, the first {event.before.value:.1%}; {100 * event.difference.value:+.1f} points "
            f"(95 % interval {low:+.1f} to {high:+.1f})."
        )
        self._say(f"Kept: {event.kept}", wrap=False)

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


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
