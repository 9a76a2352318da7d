"""What the page of a detector shows, collected from its run; and the page that is written of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyebright.data.split import SIDES, Side
from eyebright.report.pages.charts import Chart
from eyebright.report.pages.measured import training_charts
from eyebright.report.pages.page import Album
from eyebright.runs.about import about_run, model_facts
from eyebright.runs.folder import Run
from eyebright.system import files
from eyebright.system.text import counted, percent, printable
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.boxes import REASONS
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import DetectionTested
from eyebright.tasks.detection.report.curves import confidence_chart, recall_chart
from eyebright.tasks.detection.report.figures import opener, shown_in
from eyebright.tasks.detection.report.mistakes import MISTAKE_KINDS, Mistake, find_mistakes, marked, pictures_of
from eyebright.tasks.detection.report.page import EXAMPLE_PX, MISTAKE_PX, DetectorReport, Scene, detector_page, scene_of
from eyebright.training.events.event import Event

_EXAMPLES, _OF_A_KIND, _UNUSED = 8, 12, 100
_SETS: dict[Side, str] = {
    "train": "for training", "validation": "for validation", "held_back": "held back for the promise",
    "test": "for testing",
}  # fmt: skip


def write_report(
    run: Run, events: Sequence[Event], detector: Detector, prepared: PreparedBoxes, tested: DetectionTested
) -> Path:
    """Write the page of a run.

    Args:
        run: The run, with its config.toml.
        events: What its log has.
        detector: The trained detector.
        prepared: The images.
        tested: The evaluation on the test set.

    Raises:
        OutputError: When it cannot be written.
    """
    files.write_file(run.report, detector_page(collect(run, events, detector, prepared, tested)).encode())
    return run.report


def collect(
    run: Run, events: Sequence[Event], detector: Detector, prepared: PreparedBoxes, tested: DetectionTested
) -> DetectorReport:
    """What the page of a run shows; arguments as in `write_report`."""
    album, dataset = Album(), prepared.dataset
    unused = Counter(one.reason for one in dataset.unused)
    examples, mistakes = _scenes(album, detector, prepared, tested)
    return DetectorReport(
        about=about_run(
            run, events, facts=_facts(detector, prepared, events),
            command=("To find objects in new images:", "eyebright predict RUN IMAGES --figure boxes.png"),
            training=training_charts(detector.history, "mAP50"), data=_data(prepared), sets=_sets(prepared),
        ),
        test=tested.evaluation,
        album=album,
        examples=examples,
        mistakes=mistakes,
        charts=_charts(tested, prepared),
        unused=[(REASONS[reason], count) for reason, count in unused.items()],
        unused_boxes=[(printable(one.image), REASONS[one.reason], printable(one.box))
                      for one in dataset.unused[:_UNUSED]],
    )  # fmt: skip


def _charts(tested: DetectionTested, prepared: PreparedBoxes) -> list[Chart]:
    """Precision by recall, and whether confidences can be trusted, where anything is drawn."""
    test, groups = tested.evaluation, prepared.groups_at(tested.positions)
    at_threshold = (None if one is None else one.value for one in (test.precision, test.recall))
    confidence = confidence_chart(tested.matches, np.array(test.thresholds), groups)
    return [recall_chart(tested.matches, *at_threshold), *([] if confidence is None else [confidence])]


def _scenes(
    album: Album, detector: Detector, prepared: PreparedBoxes, tested: DetectionTested
) -> tuple[list[Scene], list[tuple[str, list[Scene]]]]:
    """The first test images with what is drawn on them, and parts of them around mistakes."""
    names = [printable(prepared.dataset.source.names[at]) for at in tested.positions.tolist()]
    shown, pixels = shown_in(tested), opener(prepared, tested)
    whole = [
        scene_of(album, at, marked(pixels(at), shown[at], tested.truth[at], detector.classes), names[at], "",
                 EXAMPLE_PX)
        for at in range(min(_EXAMPLES, len(names)))
    ]  # fmt: skip
    return whole, _mistakes(album, detector, shown, tested, names, pixels)


def _mistakes(
    album: Album, detector: Detector, shown: Sequence[Detections], tested: DetectionTested, names: Sequence[str],
    pixels: Callable[[int], NDArray[np.uint8]],
) -> list[tuple[str, list[Scene]]]:  # fmt: skip
    """Of each kind the worst, under the kind and how many there are."""
    every, found = find_mistakes(shown, tested.truth), []
    for kind in MISTAKE_KINDS:
        here = [one for one in every if one.kind == kind]
        worst: list[Mistake] = here[:_OF_A_KIND]
        pictures = pictures_of(worst, pixels, names, detector.classes)
        scenes = [
            scene_of(album, (kind, at), picture, names[one.image], one.words(detector.classes), MISTAKE_PX)
            for at, (one, picture) in enumerate(zip(worst, pictures, strict=True))
        ]
        found += [(f"{kind.capitalize()}: {len(here):,}", scenes)] if scenes else []
    return found


def _facts(detector: Detector, prepared: PreparedBoxes, events: Sequence[Event]) -> list[tuple[str, str]]:
    train = len(prepared.indices("train"))
    facts = model_facts(detector.classes, detector.network, detector.preparation, train, events)
    validation = detector.metrics.get("validation")
    if validation is not None:
        facts.append(("Validation mAP50", percent(validation.map50.value) if validation.map50 else "-"))
    return facts


def _data(prepared: PreparedBoxes) -> list[str]:
    """How many images and boxes there are, and what was noticed."""
    dataset = prepared.dataset
    sizes = [f"{len(prepared.indices(side)):,} {words}" for side, words in _SETS.items()
             if len(prepared.indices(side))]  # fmt: skip
    lines = [f"{counted(len(dataset), 'image')} with {counted(dataset.box_count, 'box')}: {', '.join(sizes)}."]
    lines += [f"Leak: {leaks}" for leaks in prepared.leaks]
    return [*lines, *dataset.notices]


def _sets(prepared: PreparedBoxes) -> list[tuple[str, int, int, int]]:
    """How many boxes of each class each set has."""
    classes = prepared.dataset.classes
    counts = [
        np.sum([np.bincount(prepared.boxes[index].labels, minlength=len(classes))
                for index in prepared.indices(side).tolist()], axis=0, dtype=np.int64)
        for side in SIDES
    ]  # fmt: skip
    train, validation, test = (np.broadcast_to(each, len(classes)).tolist() for each in counts)
    return list(zip(classes, train, validation, test, strict=True))
