"""The findings of an audit of boxes as text and as contact sheets."""

import io

import numpy as np
import pytest
from PIL import Image
from tests.tasks.detection.making import Scene, write_voc

from eyebright.data.pictures import Preparation
from eyebright.tasks.detection.data.audit import audit_boxes
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes
from eyebright.tasks.detection.report.audit import box_audit_text, draw_findings


@pytest.fixture
def dataset(tmp_path):
    twice = [("dog", 10, 10, 40, 40), ("cat", 11, 10, 41, 40), ("dog", 70, 10, 90, 40), ("dog", 70, 10, 90, 40)]
    scenes = [Scene(f"a long name of an image {'x' * 60} {number}", (100, 80), twice) for number in range(5)]
    return BoxDataset.open(write_voc(tmp_path, scenes, lists=False))


def audited(dataset):
    return audit_boxes(PreparedBoxes.whole(dataset, Preparation(width=64, height=64, fit="pad")))


def test_the_text_has_each_kind_once_in_80_columns(dataset):
    text = box_audit_text(audited(dataset)).plain
    lines = text.splitlines()
    assert lines[0] == "Found 5 images with 15 boxes in 2 classes of 5 to 10."
    assert "two classes: 5 findings in 5 images" in lines and "  and 2 more" in lines
    assert "not used: 5 boxes" in lines and "  5: the same box with the same class is there already" in lines
    assert max(map(len, lines)) <= 80


def test_a_sheet_has_a_picture_for_each_finding(dataset):
    findings = audited(dataset).of("two classes")
    one, five = (Image.open(io.BytesIO(draw_findings(dataset, findings[:count]))) for count in (1, 5))
    assert five.width > 1.5 * one.width
    blue, orange = (np.abs(np.asarray(one.convert("RGB")).astype(int) - colour).sum(axis=2).min() for colour in
                    ((0x56, 0xB4, 0xE9), (0xE6, 0x9F, 0x00)))  # fmt: skip
    assert blue <= 12 and orange <= 12  # the colours of both classes
    assert draw_findings(dataset, []) is None
