"""What happens in a run, in sentences."""

from collections.abc import Iterator, Sequence

from eyebright.report.sheets import fit_text
from eyebright.system.text import duration
from eyebright.training import events
from eyebright.training.events import AnyEvent

_SHOWN = 10
_WORTH_TELLING = 0.005  # of the test pictures


def told(event: AnyEvent) -> Iterator[str]:
    """The sentences that tell of an event, one a line; none for those that a display shows in another way."""
    match event:
        case events.RunStarted():
            yield from _started(event)
        case events.FitChosen():
            if said := fit_text(event):
                yield said
        case events.Streaming():
            yield (
                f"The disk of the cache has no room for {event.size_bytes / 1e6:,.0f} MB of prepared pictures: "
                "each is opened anew whenever it is needed. Make room, or set EYEBRIGHT_CACHE, to train faster."
            )
        case events.Resumed():
            within = f" and {event.pictures:,} pictures of the next" if event.pictures else ""
            yield f"Going on after epoch {event.epoch}{within}."
        case events.Extended():
            yield (
                f"Up to epoch {event.epochs} instead of {event.planned}: after those that were planned, the "
                f"learning rate falls anew, from a tenth of its peak, {event.learning_rate:.2g}."
            )
        case events.SharedOut():
            yield from _shared_out(event)
        case events.PicturesGone():
            yield f"Gone since the run began, and left out from now on: {len(event.names):,} (all in left_out.csv)"
            yield from _listed(event.names)
        case events.PrecisionChosen():
            where = f"{event.threads} threads" if event.device == "cpu" else event.device
            yield f"Computing in {event.precision} on {where}: {event.reason}."
        case events.BatchLowered():
            needed, free = event.needed_bytes / 1e6, event.free_bytes / 1e6
            why = f"needs about {needed:,.0f} MB of the {free:,.0f} MB free" if needed else "the device refused"
            yield (
                f"Too little memory for the batch, which {why}: batches of {event.batch_size} instead, "
                f"{event.accumulation} of them added into a step."
            )
        case _:
            yield from _learned(event)


def _learned(event: AnyEvent) -> Iterator[str]:
    match event:
        case events.Unavailable():
            yield f"Published weights cannot be had, so a network is trained from scratch: {event.reason}"
        case events.MirroringJudged(same=False):
            yield (
                "Training pictures are not mirrored, since these come one way round: a plain classifier tells "
                f"{event.accuracy:.0%} of {event.pictures:,} validation pictures, and of the same mirrored "
                f"{event.mirrored_accuracy:.0%}."
            )
        case events.Tried():
            yield (
                f"Tried {event.what}: {event.validation_accuracy:.1%} of the validation pictures right, loss "
                f"{event.validation_loss:.3f}, after {duration(event.seconds)}."
            )
        case events.CrossValidated():
            yield (
                f"So few pictures are better judged by cross-validation: {event.accuracy:.1%} of all "
                f"{event.pictures:,} right (95 % interval {event.low:.1%} to {event.high:.1%}), each by a head "
                "that had not seen it."
            )
        case events.Planned(steps=0):
            yield "There is no time left to tune the network further."
        case events.Planned():
            yield f"{event.steps:,} steps, {event.epochs:.1f} epochs, are to take about {duration(event.seconds)}."
        case events.Calibrated():
            yield (
                f"Confidence: temperature {event.temperature:.2f}; on validation the calibration error went from "
                f"{event.error_before:.3f} to {event.error_after:.3f}."
            )
        case events.Evaluated():
            yield (
                f"Test accuracy {event.accuracy:.1%} (95 % interval {event.low:.1%} to {event.high:.1%}) on "
                f"{event.pictures:,} pictures that entered no choice."
            )
            if event.seen:
                yield f"{event.seen:,} others did not count: the model has seen them before."
        case events.HealingBegun():
            changes = ", ".join(f"{name} {value}" for name, value in event.changes.items())
            about = duration(max(event.seconds, 1))
            yield f"Healing ({event.kind}): training again with {changes}; about {about}."
        case events.Healed():
            yield _healed(event)


def _listed(lines: Sequence[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines[:_SHOWN])


def _started(event: events.RunStarted) -> Iterator[str]:
    total = event.train + event.validation + event.test
    yield (
        f"{total:,} pictures in {len(event.classes)} classes: {event.train:,} to train, {event.validation:,} to "
        f"validate, {event.test:,} to test."
    )
    if event.left_out:
        yield f"Left out, since they cannot be opened: {len(event.left_out):,} (all in left_out.csv)"
        yield from _listed(event.left_out)
    if event.leaking:
        yield f"Left out, since the very same pictures are on a later side: {event.leaking:,}"
    if event.naive_leak >= _WORTH_TELLING:
        yield (
            f"A random split would have had the like of {event.naive_leak:.0%} of its test pictures in training: "
            "copies and pictures of one burst are kept on one side."
        )
    yield f"{event.network} at {event.size}x{event.size}: {event.parameters:,} parameters."


def _shared_out(event: events.SharedOut) -> Iterator[str]:
    own = event.batch_size // event.processes
    yield f"{event.processes} processes train together: each has {own} of the {event.batch_size} pictures of a batch."
    if event.norms:
        yield "Batch norms take the statistics of a process's own pictures; those of the first are kept."


def _healed(event: events.Healed) -> str:
    low, high = 100 * event.difference.low, 100 * event.difference.high
    better = "better" if low > 0 else "worse" if high < 0 else "not surely different"
    return (
        f"The second is {better}: of the same {event.pictures:,} validation pictures it tells "
        f"{event.after.value:.1%}, the first {event.before.value:.1%}; {100 * event.difference.value:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f})."
    )
