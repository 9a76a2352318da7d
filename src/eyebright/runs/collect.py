"""What the report of a finished training shows, collected from its run; and the page that is written of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.corrections import load
from eyebright.data.pictures import crop_box, decode
from eyebright.data.pictures.corruptions import SEVERITIES
from eyebright.data.prepare import Prepared
from eyebright.data.sources.ranged import without_token
from eyebright.data.split import SIDES
from eyebright.model.classifier import Classifier
from eyebright.model.evaluate import Tested
from eyebright.model.explain.maps import COPIES, explain
from eyebright.report.commands import typed_path
from eyebright.report.maps import overlaid
from eyebright.report.pages.charts import Chart
from eyebright.report.pages.measured import coverage_chart, penalty_charts, reliability_chart, training_charts
from eyebright.report.pages.page import Embedded
from eyebright.report.pages.run import NetworkInput, RunReport, run_page
from eyebright.report.sentences import RESIZED, leak_text
from eyebright.runs.about import about_run, model_facts
from eyebright.runs.folder import Run
from eyebright.runs.gallery import LARGE_PX, Gallery, Maps
from eyebright.system import files
from eyebright.system.errors import EyebrightError
from eyebright.system.table import Table
from eyebright.system.text import counted, duration, percent, printable
from eyebright.training.budget import answers_in
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import CrossValidated, EpochEnded, HeadFitted, LabelsSuspected
from eyebright.training.events.results import PromiseRefused
from eyebright.training.events.starting import RunStarted
from eyebright.training.receivers import last_event
from eyebright.trust.calibration import calibration_text, reliability
from eyebright.trust.metrics import Evaluation
from eyebright.trust.selective import risk_coverage

_MAPS_SHARE = 0.02  # of the time of a training
_SETS_SHOWN, _IN_A_SET, _INPUTS, _LEFT_OUT = 6, 4, 4, 200


def write_report(
    run: Run,
    events: Sequence[Event],
    classifier: Classifier,
    prepared: Prepared,
    tested: Tested,
    *,
    mapped: int = 0,
) -> Path:
    """Write the page of a run.

    Args:
        run: The run, with its config.toml.
        events: What its log has.
        classifier: The trained classifier.
        prepared: The images.
        tested: The evaluation on the test set.
        mapped: How many of the worst mistakes get a map of what speaks for the predicted class; by default as many as
            take about 2% of the time of the training, at least one.

    Raises:
        OutputError: When it cannot be written.
    """
    page = run_page(collect(run, events, classifier, prepared, tested, mapped=mapped))
    files.write_file(run.report, page.encode())
    return run.report


def collect(
    run: Run,
    events: Sequence[Event],
    classifier: Classifier,
    prepared: Prepared,
    tested: Tested,
    *,
    mapped: int = 0,
) -> RunReport:
    """What the page of a run shows; arguments as in `write_report`."""
    (request, _), test = run.read(), tested.evaluation
    started, suspected = last_event(events, RunStarted), last_event(events, LabelsSuspected)
    images = "" if request.in_memory else typed_path(without_token(request.pictures))
    here = typed_path(str(run.path.absolute()))
    affordable = answers_in(_MAPS_SHARE, len(prepared.labels), sum(classifier.history.pictures))
    mapped = mapped or max(int(affordable / COPIES), 1)
    gallery = Gallery(prepared, tested, classifier.classes, _maps(classifier, prepared), mapped)
    worst = gallery.worst()  # these two first, since only there images are large
    doubtful = gallery.suspected(suspected) if suspected else ()
    groups = prepared.groups_at(tested.positions)
    found = reliability(tested.confidence, tested.correct, groups)
    promise = f"eyebright train --config {here}/config.toml -o NEW --promise accuracy=0.95"
    return RunReport(
        about=about_run(
            run,
            events,
            facts=_facts(classifier, prepared, events),
            training=_training(classifier, events),
            command=("To predict new images:", "eyebright predict RUN IMAGES"),
            data=_data(prepared, started, tested),
            sets=_sets(classifier.classes, prepared),
        ),
        test=test,
        album=gallery.album,
        answers=_answers(classifier, test, events),
        answers_by_class=_answers_by_class(classifier, test),
        right=gallery.examples(correct=True),
        wrong=gallery.examples(correct=False),
        redraw=f"eyebright report {here}" if images else "",
        unlike=gallery.unlike(),
        worst=worst,
        cells=gallery.cells(),
        weakest=gallery.weakest(),
        trusted=[reliability_chart(found), coverage_chart(risk_coverage(tested.confidence, tested.correct))],
        calibration=f"Expected calibration error {found.error:.3f}. {calibration_text(found.error, found.by_chance)}.",
        promise=promise if images and classifier.learned.promise is None else "",
        robustness="" if _robust(tested) or not images else f"eyebright report {here} --robustness",
        left_out=[(printable(left.name), left.reason) for left in prepared.pack.left_out[:_LEFT_OUT]],
        duplicates=_duplicates(gallery, prepared),
        duplicates_text="Some are in different sets." if prepared.leaks else "Each set of them is in one split.",
        suspected=doubtful,
        suspected_text=_suspected_text(suspected) if suspected else "",
        audit=f"eyebright audit {images} -o audit.json --page audit.html" if images else "",
        decided=load(run.corrections).corrections if run.corrections.exists() else (),
        inputs=_inputs(gallery, prepared, tested, classifier.classes),
        input_text=_input_text(prepared),
    )


def _maps(classifier: Classifier, prepared: Prepared) -> Maps:
    """Draws what speaks for a class over an image."""

    def draw(positions: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.uint8]:
        pixels = prepared.pack.read(positions)
        found = explain(classifier.predictor.quick_probabilities, pixels, classes)
        return np.stack([overlaid(image, importance) for image, importance in zip(pixels, found, strict=True)])

    return draw


def _answers(classifier: Classifier, test: Evaluation, events: Sequence[Event]) -> list[str]:
    """What is promised and whether it is kept, or what is answered; nothing where it answers every image."""
    promised = classifier.learned.promise
    if promised is not None and test.promise is not None:
        return [promised.text, f"On the test images: {test.promise.text}"]
    last = last_event(events, PromiseRefused)
    refused = [] if last is None else [f"Nothing is promised: {last.reason}."]
    given, correct = test.answered, test.answered_correctly
    if given is None or correct is None or given == test.pictures:
        return refused
    given_text = f"It answers {percent(given / test.pictures)} of the test images"
    given_text += f"; {percent(correct / given)} of these answers are correct." if given else "."
    return [*refused, given_text, "The others are unlike the training images."]


def _answers_by_class(classifier: Classifier, test: Evaluation) -> Table | None:
    """What each class needs for an answer and how its answers are, where an accuracy per class is promised."""
    promised, kept = classifier.learned.promise, test.promise
    if promised is None or kept is None:
        return None
    needed, found = promised.as_table(classifier.classes), kept.as_table()
    if needed is None or found is None:
        return None
    rows = [(*own[:2], *each[1:]) for own, each in zip(needed.rows, found.rows, strict=True)]
    return Table(found.title, (*needed.header[:2], *found.header[1:]), rows)


def _facts(classifier: Classifier, prepared: Prepared, events: Sequence[Event]) -> list[tuple[str, str]]:
    train = len(prepared.indices("train"))
    facts = model_facts(classifier.classes, classifier.network, classifier.preparation, train, events)
    epochs = {event.epoch: event.seconds for event in events if isinstance(event, EpochEnded)}
    if epochs:
        facts.append(("Training", f"{counted(len(epochs), 'epoch')}, {duration(sum(epochs.values()))}"))
    validation = classifier.metrics.get("validation")
    if validation is not None:
        facts.append(("Validation accuracy", percent(validation.accuracy)))
    crossed = last_event(events, CrossValidated)
    return facts if crossed is None else [*facts, ("Cross-validated accuracy", percent(crossed.accuracy))]


def _robust(tested: Tested) -> bool:
    """Whether robustness was measured on as many images, and at as many severities, as it can be."""
    found = tested.evaluation.robustness
    return found is not None and len({one.severity for one in found.corrupted}) == len(SEVERITIES)


def _training(classifier: Classifier, events: Sequence[Event]) -> list[Chart]:
    if classifier.history.loss:
        return training_charts(classifier.history)
    head = last_event(events, HeadFitted)
    return [] if head is None or len(head.strengths) == 1 else penalty_charts(head)  # one is not cross-validated


def _data(prepared: Prepared, started: RunStarted | None, tested: Tested) -> list[str]:
    sizes = [len(prepared.indices(side)) for side in SIDES]
    held_back = len(prepared.indices("held_back"))
    total = counted(sum(sizes) + held_back, "image")
    promised = f", {held_back:,} held back for the promise" if held_back else ""
    lines = [f"{total}: {sizes[0]:,} for training, {sizes[1]:,} for validation, {sizes[2]:,} for testing{promised}."]
    if started is not None and started.naive_leak:
        lines.append(leak_text(started.naive_leak))
    lines += [f"Leak: {leaks}." for leaks in prepared.leaks]
    copies = int(np.count_nonzero((prepared.sides < 0) & (prepared.pack.rows >= 0)))
    if copies:
        lines.append(f"{counted(copies, 'exact duplicate')} of validation or test images are not used.")
    if tested.evaluation.seen:
        lines.append(f"{counted(tested.evaluation.seen, 'test image')} not counted: the model was trained on them.")
    return lines


def _sets(classes: Sequence[str], prepared: Prepared) -> list[tuple[str, int, int, int]]:
    train, validation, test = (
        np.bincount(prepared.labels[prepared.indices(side)], minlength=len(classes)).tolist() for side in SIDES
    )
    return list(zip(classes, train, validation, test, strict=True))


def _duplicates(gallery: Gallery, prepared: Prepared) -> list[list[tuple[Embedded, str]]]:
    """Some images of the largest sets of near-duplicates."""
    numbers = np.where(prepared.pack.rows >= 0, prepared.related, -1)
    known, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    sets = [np.flatnonzero(numbers == known[place]) for place in order if known[place] >= 0 and counts[place] > 1]
    shown = [found[:_IN_A_SET].tolist() for found in sets[:_SETS_SHOWN]]
    return [list(zip(gallery.embed(found), map(gallery.name, found), strict=True)) for found in shown]


def _suspected_text(found: LabelsSuspected) -> str:
    """How many labels are suspected, of how many."""
    checked = f"{counted(found.pictures, 'training and validation image')}"
    if not found.count:
        return f"No label of the {checked} contradicts a classifier that was not trained on its image."
    return (
        f"{counted(found.count, 'label')} of {checked}: a classifier that was not trained on the image finds another "
        "class more probable, and this one almost impossible. Decide by the image."
    )


def _inputs(gallery: Gallery, prepared: Prepared, tested: Tested, classes: Sequence[str]) -> list[NetworkInput]:
    """The first test image of some classes, as it is and as the network takes it; without those that are gone."""
    _, first = np.unique(tested.labels, return_index=True)
    chosen = first[np.linspace(0, len(first) - 1, min(_INPUTS, len(first))).round().astype(int)]
    found, preparation = [], prepared.pack.preparation
    for row in chosen.tolist():
        position = int(tested.positions[row])
        try:
            whole = decode(prepared.dataset.source.open(position))
        except EyebrightError:
            continue
        box = crop_box(*whole.size, preparation) if preparation.fit == "crop" else (0, 0, *whole.size)
        left, top, right, bottom = (side / of for side, of in zip(box, 2 * whole.size, strict=True))
        whole.thumbnail((LARGE_PX, LARGE_PX))
        image = gallery.album.add(("whole", position), np.asarray(whole), LARGE_PX)
        found.append(
            NetworkInput(
                classes[int(tested.labels[row])], image, (left, top, right, bottom), gallery.embed([position])[0]
            )
        )
    return found


def _input_text(prepared: Prepared) -> str:
    preparation = prepared.pack.preparation
    colours = "in grey" if preparation.channels == 1 else "in colour"
    how = RESIZED[preparation.fit]
    return f"Each image is {how} and brought to {preparation.width} × {preparation.height} pixels, {colours}."
