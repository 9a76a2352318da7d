"""Events as sentences, for the terminal: what was found, what is done, and how good the result is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from eyebright.system.text import counted, duration, interval, listed, percent, printable
from eyebright.training.events import fitting, results, starting
from eyebright.training.events.event import Event
from eyebright.trust.calibration import calibration_text
from eyebright.trust.intervals import Difference
from eyebright.trust.metrics import answered_text
from eyebright.trust.unknown import FEW

NOTABLE_LOSS = 0.05  # of an image's detail: a crop that removes less is not worth a sentence
RESIZED = {"crop": "cropped at the centre", "pad": "padded with grey", "stretch": "stretched"}
"""What each way of resizing does to an image of other proportions."""
_NOTABLE_LEAK = 0.005  # of the test images
_NOTABLE_EXCESS = 0.1  # of all images, beyond what was asked for
_MAX_LISTED = 10
_EXAMPLES = 3


def sentences(event: Event) -> Iterator[str]:
    """What an event says, one sentence or row a line; nothing for events that a display shows in another way."""
    for about in (_images, _computing, _training, _learned, _results):
        yield from about(event)


def corrections_text(applied: starting.Corrected) -> str:
    """What corrections changed, and which of them could not be applied."""
    same = f" ({counted(applied.duplicates, 'exact duplicate')} among them)" if applied.duplicates else ""
    text = (
        f"Corrections of {applied.path}: {counted(applied.relabelled, 'image')} relabelled{same}, {applied.excluded:,} "
        f"left out, {applied.kept:,} kept."
    )
    for names, what in ((applied.missing, "not found"), (applied.changed, "not applied, as the image changed since")):
        if names:
            text += f" {counted(len(names), 'decision')} {what}: {listed([printable(name) for name in names], 3)}."
    return text


def resize_text(chosen: starting.FitChosen) -> str:
    """How images are brought to the network's size, where that removes, or would remove, much; else ""."""
    much = f"{percent(chosen.lost, 0)} of the detail of a typical image"
    if chosen.lost < NOTABLE_LOSS:
        return ""
    if chosen.fit == "pad":
        return f"Images are padded with grey, because cropping would remove {much}. To crop them: --resize crop"
    if chosen.fit == "crop":
        return f"Cropping removes {much}. To keep whole images: --resize pad"
    return ""


def leak_text(share: float | None) -> str:
    """What a random split would do with near-duplicates.

    Args:
        share: Of the test images of a random split, how many have a near-duplicate in the training set, 0 to 1; None
            where a split is given.
    """
    if share is None:
        return "The images have a given split, which is kept."
    if not share:
        return "With a random split, no test image would have a near-duplicate in the training set."
    amount = percent(share, 0) if share >= 0.01 else "less than 1%"
    return (
        f"With a random split, {amount} of the test images would have a near-duplicate in the training set. "
        "Near-duplicates are kept in the same split."
    )


def accuracy_text(accuracy: float, low: float, high: float) -> str:
    """An accuracy with its 95% interval, all from 0 to 1."""
    return f"{percent(accuracy)} ({interval(low, high)})"


def absent_text(classes: Sequence[str]) -> str:
    """That a result says nothing about some classes, because they have no images; "" without any."""
    these = "this class" if len(classes) == 1 else "these classes"
    return f"No images of {listed(classes)}: the result says nothing about {these}." if classes else ""


def _images(event: Event) -> Iterator[str]:
    """What is known of the images and the run before the training."""
    match event:
        case starting.RunStarted():
            yield from _run_started(event)
        case starting.BoxesChecked():
            yield from _boxes_checked(event)
        case starting.SidesNamed():
            names = listed([repr(printable(name)) for name in event.classes], _EXAMPLES)
            yield f"Training images are not mirrored, because names of classes say left or right: {names}."
        case starting.SizeChosen():
            yield from _if_any(_size_chosen(event))
        case starting.ViewsKept():
            yield _views_kept(event)
        case starting.Corrected():
            yield corrections_text(event)
        case starting.FitChosen():
            yield from _if_any(resize_text(event))
        case starting.Streaming():
            yield (
                f"The cache has too little disk space for {event.size_bytes / 1e6:,.0f} MB of prepared images, so each "
                "image is opened again in every epoch. To train faster, free disk space, or set EYEBRIGHT_CACHE to a "
                "folder on another disk."
            )
        case starting.Resumed():
            within = f" and {counted(event.pictures, 'image')} of the next epoch" if event.pictures else ""
            yield f"Resuming after epoch {event.epoch}{within}."
        case starting.Extended():
            yield (
                f"Training to epoch {event.epochs} instead of {event.planned}. For the added epochs the learning rate "
                f"starts again at a tenth of its peak, {event.learning_rate:.2g}, and falls to 0."
            )
        case starting.PicturesGone():
            yield (
                f"{counted(len(event.names), 'image')} of this run cannot be opened any more. The training continues "
                "without them (all are listed in left_out.csv):"
            )
            yield from _listed(event.names)


def _computing(event: Event) -> Iterator[str]:
    """What it is trained with."""
    match event:
        case fitting.SharedOut():
            yield from _shared_out(event)
        case fitting.PrecisionChosen():
            where = counted(event.threads, "thread") if event.device == "cpu" else event.device
            yield f"Computing in {event.precision} on {where}: {event.reason}."
        case fitting.DeviceChanged():
            yield (
                f"This run was begun on {event.before} and continues on {event.device}: its weights will differ in "
                "their last digits from those of a run on one device."
            )
        case fitting.BatchLowered():
            yield _batch_lowered(event)
        case fitting.Unavailable():
            yield f"Published weights are not available, so a network is trained from scratch: {event.reason}"
        case fitting.MirroringChecked(same=False):
            yield (
                f"Training images are not mirrored: of {counted(event.pictures, 'validation image')} a simple "
                f"classifier predicts {percent(event.accuracy, 0)} correctly, but of their mirror images "
                f"{percent(event.mirrored_accuracy, 0)}."
            )


def _training(event: Event) -> Iterator[str]:
    """What was tried, and what is planned."""
    match event:
        case fitting.Tried():
            yield (
                f"Tried {event.what}: validation accuracy {percent(event.validation_accuracy)}, loss "
                f"{event.validation_loss:.3f}, after {duration(event.seconds)}."
            )
        case fitting.CrossValidated():
            yield (
                f"Cross-validated accuracy {accuracy_text(event.accuracy, event.low, event.high)} on all "
                f"{counted(event.pictures, 'image')}. With so few images this is more precise than the validation "
                "accuracy."
            )
        case fitting.Planned(steps=0):
            yield "There is no time left to train the network further."
        case fitting.Planned():
            epochs = f"{event.epochs:.1f}".removesuffix(".0")
            yield (
                f"Training {epochs} epoch{'' if epochs == '1' else 's'} ({counted(event.steps, 'step')}), about "
                f"{duration(event.seconds)}."
            )
        case fitting.Blended():
            yield (
                f"The mean of {percent(event.share, 0)} of epoch {event.epoch} and {percent(1 - event.share, 0)} of "
                f"the start has a lower validation loss, {event.validation_loss:.3f}, and validation {event.measure} "
                f"{percent(event.validation_accuracy)}: the model has these weights instead."
            )


def _learned(event: Event) -> Iterator[str]:
    """What was found out about the weights."""
    match event:
        case results.Calibrated(temperature=1.0):
            yield (
                "Not calibrated: on parts of the validation set that it was not fitted on, a temperature does not "
                "lower the loss by more than its standard error. The expected calibration error is "
                f"{event.error_before:.3f}."
            )
        case results.Calibrated():
            yield (
                f"Calibrated with temperature {event.temperature:.2f}: the expected calibration error on the "
                f"validation set changed from {event.error_before:.3f} to {event.error_after:.3f}."
            )
        case results.LimitSet():
            few = f" With only {counted(event.pictures, 'validation image')} this is uncertain: add images."
            yield (
                f"Images unlike the training images get no answer; {percent(event.kept, 0)} of images like them are "
                f"expected to get one.{few if event.pictures < FEW else ''}"
            )
        case results.PromiseMade():
            yield event.text
        case results.PromiseRefused():
            yield f"Nothing is promised: {event.reason}."


def _results(event: Event) -> Iterator[str]:
    """How good the result is, and what was made of it."""
    match event:
        case results.Evaluated():
            yield from _evaluated(event)
        case results.Drawn():
            yield from _drawn(event)
        case results.HealingBegun():
            changes = ", ".join(f"{name} {value}" for name, value in event.changes.items())
            yield (f"Healing ({event.kind}): training again with {changes}, about {duration(max(event.seconds, 1))}.")
        case results.Healed():
            yield from _healed(event)


def _evaluated(event: results.Evaluated) -> Iterator[str]:
    yield (
        f"{event.side.capitalize()} {event.measure} {accuracy_text(event.accuracy, event.low, event.high)} on "
        f"{counted(event.pictures, 'held-out image')}"
    )
    answered = answered_text(event.answered, event.answered_correctly, event.pictures)
    yield from [event.promise] if event.promise else answered
    if event.calibration_error is not None and event.error_by_chance is not None:
        yield f"Expected calibration error {event.calibration_error:.3f}"
        yield calibration_text(event.calibration_error, event.error_by_chance)
    if event.seen:
        yield f"{counted(event.seen, 'image')} not counted: the model was trained on them or selected by them."
    if event.apart is not None:
        yield _apart(event.apart)
    yield from _if_any(absent_text(event.absent))


def _drawn(event: results.Drawn) -> Iterator[str]:
    folder, names = Path(event.paths[0]).parent, [Path(path).name for path in event.paths]
    yield f"Drawn in {printable(str(folder))}: {listed(names)}"
    if event.mistakes:
        few = f"the {event.shown} worst of " if event.shown < event.mistakes else ""
        yield f"The last one shows {few}{counted(event.mistakes, event.what)} on test images."
    else:
        yield "All test images are predicted correctly, so there are no mistakes to draw."


def _run_started(event: starting.RunStarted) -> Iterator[str]:
    total = event.train + event.validation + event.held_back + event.test
    held_back = f", {event.held_back:,} held back for the promise" if event.held_back else ""
    testing = f", {event.test:,} for testing" if event.test else ""
    yield (
        f"Found {counted(total, 'image')} in {len(event.classes)} classes: {event.train:,} for training, "
        f"{event.validation:,} for validation{held_back}{testing}."
    )
    if event.left_out:
        yield f"{counted(len(event.left_out), 'file')} cannot be opened (all are listed in left_out.csv):"
        yield from _listed(event.left_out)
    if event.leaking:
        yield f"{counted(event.leaking, 'exact duplicate')} of validation or test images will not be used."
    if event.naive_leak >= _NOTABLE_LEAK:
        yield leak_text(event.naive_leak)
    if event.asked and (share := 1 - event.train / total) > event.asked + _NOTABLE_EXCESS:
        yield (
            f"Groups stay whole, and each set needs groups of every class: so {percent(share, 0)} of the images are "
            f"for validation and testing, not {percent(event.asked, 0)}."
        )
    yield from (f"Leak: {leaks}" for leaks in event.leaks)
    if event.absent:
        yield f"No validation images of {listed(event.absent)}: the best epoch and the temperature are chosen without."
    yield f"Network: {event.network} at {event.size}x{event.size}, {event.parameters:,} parameters."


def _size_chosen(event: starting.SizeChosen) -> str:
    if event.wanted <= event.usual:
        return ""
    small = f"Objects are small ({event.object_px:.0f} pixels at {event.usual}x{event.usual})"
    if event.size < event.wanted:
        wanted = f"; {event.wanted}x{event.wanted} would take more time: --size {event.wanted}"
        return f"{small}: images have {event.size}x{event.size} pixels{wanted}."
    return f"{small}: images have {event.size}x{event.size} pixels; --size changes it."


def _views_kept(event: starting.ViewsKept) -> str:
    if not event.kept:
        return (
            "The cache has too little disk space for views of the images, so each is computed in every epoch. To train "
            "faster, free disk space, or set EYEBRIGHT_CACHE to a folder on another disk."
        )
    lacking = "time" if event.by_time else "room"
    short = f" (there is no {lacking} for {event.wanted})" if event.views < event.wanted else ""
    views = counted(event.views, "view")
    return f"Keeping {views} of each training image{short}: {event.size_bytes / 1e6:,.0f} MB in the cache."


def _boxes_checked(event: starting.BoxesChecked) -> Iterator[str]:
    total = sum(event.unused.values())
    if total:
        yield f"{counted(total, 'box')} {'is' if total == 1 else 'are'} not used (all are listed in unused_boxes.csv):"
    for reason, count in event.unused.items():
        examples = event.examples.get(reason, ())
        yield f"  {count:,}: {reason}"
        yield from (f"    {example}" for example in examples)
        if count > len(examples):
            yield f"    and {count - len(examples):,} more"
    if event.clipped:
        yield f"Boxes clipped at the edge: {event.clipped:,}."
    yield from event.notices


def _shared_out(event: fitting.SharedOut) -> Iterator[str]:
    own = event.batch_size // event.processes
    yield f"{event.processes} processes train together: each takes {own} of the {event.batch_size} images of a batch."
    if event.norms:
        yield "Batch normalisation uses each process's own images; the model keeps the first process's statistics."


def _batch_lowered(event: fitting.BatchLowered) -> str:
    needed, free = f"{event.needed_bytes / 1e6:,.0f} MB", f"{event.free_bytes / 1e6:,.0f} MB"
    why = f"it needs about {needed}, and {free} are free" if event.needed_bytes else "the device refused it"
    return (
        f"Not enough memory for the batch: {why}. The batch size is now {event.batch_size}, and the gradients of "
        f"{event.accumulation} batches are added up for each step."
    )


def _apart(apart: Difference) -> str:
    size = Difference(value=-apart.value, low=-apart.high, high=-apart.low) if apart.value < 0 else apart
    return (
        f"The test accuracy is {size} {'below' if apart.value < 0 else 'above'} the validation accuracy, more than by "
        "chance: the images of the two sets differ, for instance in what they show. Do not rely on either one alone; "
        "more images, or other values of --seed, show what is typical."
    )


def _healed(event: results.Healed) -> Iterator[str]:
    difference = event.difference
    if difference.low > 0:
        significance = "significantly better"
    else:
        significance = "significantly worse" if difference.high < 0 else "no significant difference"
    yield (
        f"Second training: accuracy {percent(event.after.value)} against {percent(event.before.value)}: {significance}"
    )
    low, value, high = (f"{100 * points:+.1f}" for points in (difference.low, difference.value, difference.high))
    yield (f"  {value} points (95% interval {low} to {high}) on the same {counted(event.pictures, 'validation image')}")


def _listed(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_MAX_LISTED])
    if len(lines) > _MAX_LISTED:
        yield f"  and {len(lines) - _MAX_LISTED:,} more"


def _if_any(text: str) -> Iterator[str]:
    if text:
        yield text
