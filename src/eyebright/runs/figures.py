"""Figures that a finished training leaves in its run: curves, confusion matrix, the worst mistakes on the test set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eyebright.data.prepare import Prepared
from eyebright.model.classifier import Classifier
from eyebright.model.evaluate import Tested
from eyebright.report.plots import draw_confusion, draw_curves, draw_path
from eyebright.report.sheets import Shown, draw_sheet
from eyebright.runs.folder import Run
from eyebright.system import files
from eyebright.system.text import counted, percent
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import HeadFitted
from eyebright.training.events.results import Drawn

SHOWN = 9
"""Mistakes on the sheet: drawing them takes about a second."""


def draw(run: Run, events: Sequence[Event], classifier: Classifier, prepared: Prepared, tested: Tested) -> Drawn:
    """Draw the result of a training: of a head alone, the penalties that were tried stand in place of epochs.

    Args:
        run: The run.
        events: What its log has.
        classifier: The trained classifier.
        prepared: The images.
        tested: What was measured on the test set.

    Raises:
        OutputError: When a figure cannot be written.
    """
    test, mistakes, paths = tested.evaluation, tested.mistakes, [run.curves, run.confusion]
    heads = [event for event in events if isinstance(event, HeadFitted)]
    if classifier.history.loss or not heads:
        files.write_file(run.curves, draw_curves(classifier.history))
    else:
        files.write_file(run.curves, draw_path(heads[-1]))
    title = f"{counted(test.pictures, 'test image')}, accuracy {percent(test.accuracy)}"
    files.write_file(run.confusion, draw_confusion(test, title))
    if len(mistakes):
        paths.append(run.mistakes)
        files.write_file(run.mistakes, _worst(classifier, prepared, mistakes, test.pictures))
    else:
        run.mistakes.unlink(missing_ok=True)  # of the same run before it was continued
    return Drawn(paths=tuple(map(str, paths)), mistakes=len(mistakes), shown=min(len(mistakes), SHOWN))


def _worst(classifier: Classifier, prepared: Prepared, mistakes: NDArray[np.int64], of: int) -> bytes:
    """The most confident mistakes, with the names of their files."""
    worst = mistakes[:SHOWN]
    pictures, names = prepared.pack.read(worst), [prepared.dataset.source.names[index] for index in worst.tolist()]
    shown = [
        Shown(pixels, prediction, classifier.classes[label])
        for pixels, prediction, label in zip(
            pictures, classifier.predictor.predict_prepared(names, pictures), prepared.labels[worst], strict=True
        )
    ]
    title = f"The most confident of {counted(len(mistakes), 'wrong prediction')} on {counted(of, 'test image')}"
    return draw_sheet(shown, title=title)
