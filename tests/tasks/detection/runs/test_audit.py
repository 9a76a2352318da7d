"""The audit of images with boxes, from a folder to findings."""

import json

import pytest
from tests.tasks.detection.making import Scene, write_voc

import eyebright as eb
from eyebright.system.errors import OutputError
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.runs import audit as auditing


@pytest.fixture
def pictures(tmp_path):
    boxes = [("red", 10, 10, 30, 30), ("blue", 60, 10, 80, 30)]
    return write_voc(tmp_path / "set", [Scene(str(number), (100, 80), boxes) for number in range(3)], lists=False)


@pytest.fixture
def detector():
    """One that was not trained, and is sure everywhere."""
    return Detector(eb.zoo.lite0_detector(2, input_size=64), ["green", "red"], calibration=[(1.0, 20.0)] * 2)


def test_what_a_detector_finds_goes_by_the_names_of_classes(pictures, detector):
    found = auditing.audit(pictures, detector)
    sure = [one for one in found.audit.findings if one.kind == "not labelled"]
    assert sure and {name for one in sure for name in one.classes} == {"red"}
    assert found.audit.notes[-1] == "The detector does not know the classes blue: objects of these were not looked for."
    assert not auditing.audit(pictures).audit.findings


def test_what_is_tiny_is_measured_at_the_size_that_a_training_would_choose(tmp_path):
    """Of 1,000 pixels a side, most boxes have 25 and one has 7: it would be tiny at 320, where they have 8 and 2.2."""
    boxes = [("red", 100 * at, 10, 100 * at + 25, 35) for at in range(5)] + [("red", 700, 700, 707, 707)]
    drawn = write_voc(tmp_path / "set", [Scene(str(number), (1000, 900), boxes) for number in range(3)], lists=False)
    assert not auditing.audit(drawn).audit.of("tiny")


def test_a_folder_has_the_findings_and_a_sheet_for_each_kind(pictures, detector, tmp_path):
    found = auditing.audit(pictures, detector)
    auditing.write_findings(found, tmp_path / "out")
    kinds = {one.kind.replace(" ", "_") for one in found.audit.findings}
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.json", *(f"{kind}.png" for kind in kinds)}
    assert len(json.loads((tmp_path / "out/audit.json").read_text())["findings"]) == len(found.audit.findings)
    with pytest.raises(OutputError, match="already exists"):
        auditing.write_findings(found, tmp_path / "out")
    auditing.write_findings(found, tmp_path / "out", overwrite=True)
