"""Figures that a finished training leaves in its run: curves, precision by recall, and mistakes on the test set."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from eyebright.data.pictures import decode
from eyebright.report.plots import draw_curves
from eyebright.runs.folder import Run
from eyebright.system import files
from eyebright.system.text import counted, printable
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import DetectionTested
from eyebright.tasks.detection.report.curves import draw_precision_recall
from eyebright.tasks.detection.report.mistakes import LOOKS, MISSED, WRONG, find_mistakes, pictures_of, sheet_of
from eyebright.tasks.detection.report.overlay import draw_boxes
from eyebright.training.events.results import Drawn

SHOWN, _COLUMNS = 12, 4


def draw(run: Run, detector: Detector, prepared: PreparedBoxes, tested: DetectionTested) -> Drawn:
    """Draw the result of a training.

    Args:
        run: The run.
        detector: The trained detector.
        prepared: The images.
        tested: What was measured on the test set.

    Raises:
        OutputError: When a figure cannot be written.
    """
    test = tested.evaluation
    files.write_file(run.curves, draw_curves(detector.history))
    files.write_file(run.precision_recall, draw_precision_recall(tested.matches, detector.classes, test.thresholds))
    paths = [run.curves, run.precision_recall]
    every = find_mistakes(shown_in(tested), tested.truth)
    chosen = sheet_of(every, SHOWN)
    if chosen:
        names = [printable(prepared.dataset.source.names[at]) for at in tested.positions.tolist()]
        pictures = pictures_of(chosen, opener(prepared, tested), names, detector.classes)
        legend = {"drawn, wrong": LOOKS[WRONG], "labelled": LOOKS[MISSED]}
        title = f"The worst of {counted(len(every), 'mistake')} on {counted(test.pictures, 'test image')}"
        files.write_file(run.mistakes, draw_boxes(pictures, legend, title, _COLUMNS))
        paths.append(run.mistakes)
    else:
        run.mistakes.unlink(missing_ok=True)  # of the same run before it was continued
    return Drawn(paths=tuple(map(str, paths)), mistakes=len(every), shown=len(chosen), what="mistake")


def shown_in(tested: DetectionTested) -> list[Detections]:
    """What the detector draws on each image that was evaluated: what is found from the thresholds on."""
    thresholds = np.array(tested.evaluation.thresholds)
    return [one.at(one.scores >= thresholds[one.labels]) for one in tested.found]


def opener(prepared: PreparedBoxes, tested: DetectionTested) -> Callable[[int], NDArray[np.uint8]]:
    """Opens the images that were evaluated, by their positions in the evaluation: whole, upright, `(H, W, 3)`."""
    source = prepared.dataset.source
    return lambda image: np.asarray(decode(source.open(int(tested.positions[image]))))
