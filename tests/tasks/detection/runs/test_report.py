"""The page of a finished run, made again."""

import pytest

from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.runs.report import report
from eyebright.tasks.train import train


def test_the_page_of_a_run_is_written_again_from_the_same_images(squares, tmp_path):
    run = train(squares, tmp_path / "run", epochs=1, size=64, verbose=False).path
    page = run / "report.html"
    before = page.read_text()
    page.unlink()
    assert report(run) == page and page.read_text() == before
    label = squares / "labels" / "3.txt"
    label.write_text(label.read_text().replace("0 ", "0 0.", 1))
    with pytest.raises(DataError, match="no longer those"):
        report(run)
    (run / "model").rename(run / "gone")
    with pytest.raises(SettingsError, match="has no model yet; to continue the training"):
        report(run)
