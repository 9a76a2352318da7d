"""The figures of a run."""

import io

import numpy as np
from PIL import Image

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.report.figures import draw, opener, shown_in


def test_a_run_has_its_curves_and_the_worst_mistakes(trained_run):
    run, _, detector, prepared, tested = trained_run
    event = draw(run, detector, prepared, tested)
    assert event.paths == tuple(map(str, (run.curves, run.precision_recall, run.mistakes)))
    assert (event.mistakes, event.shown, event.what) == (12, 12, "mistake")  # six are missed, drawn too wide
    right = tested._replace(found=tuple(Detections(one.corners, one.labels, np.full(len(one.labels), 0.9))
                                        for one in tested.truth))  # fmt: skip
    event = draw(run, detector, prepared, right)
    assert (event.mistakes, len(event.paths)) == (0, 2) and not run.mistakes.exists()


def test_images_are_whole_and_boxes_below_the_threshold_are_not_shown(trained_run):
    _, _, _, prepared, tested = trained_run
    name = prepared.dataset.source.names[int(tested.positions[3])]
    file = prepared.dataset.origin / name
    with Image.open(io.BytesIO(file.read_bytes())) as picture:
        np.testing.assert_array_equal(opener(prepared, tested)(3), np.asarray(picture))
    low = tested._replace(found=tuple(Detections(one.corners, one.labels, one.scores / 2) for one in tested.found))
    assert [sum(len(one.labels) for one in shown_in(which)) for which in (tested, low)] == [12, 0]
