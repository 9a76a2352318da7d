"""What the page of a detector shows is what was measured."""

from eyebright.tasks.detection.geometry.boxes import Unused
from eyebright.tasks.detection.report.collect import collect, write_report


def test_the_page_has_the_mistakes_the_boxes_of_each_set_and_the_verdict(trained_run):
    run, _, _, prepared, tested = trained_run
    report = collect(*trained_run)
    assert [title for title, _ in report.mistakes] == ["Missed: 6", "False alarm: 6"]  # 24 of 64 pixels shared: IoU 3/8
    assert [[box.look for box in scene.boxes] for scene in report.examples[:2]] == [["right"], ["wrong", "missed"]]
    assert report.about.sets == [("square", *(len(prepared.indices(side)) for side in ("train", "validation", "test")))]
    assert [shown.text for shown in report.about.verdicts] == ["Too few."]
    assert [chart.title for chart in report.charts] == ["Precision and recall", "Confidence of boxes"]
    assert report.about.data[0].startswith("12 images with 12 boxes: ")
    assert report.test is tested.evaluation and report.about.repeat.endswith(f"{run.path}/config.toml -o NEW")


def test_the_page_is_written_into_the_run(trained_run, parsed):
    run, events, detector, prepared, tested = trained_run
    object.__setattr__(prepared.dataset, "unused", (Unused("<b>", "outside", "0 0 1 1"),))
    page = parsed(write_report(run, events, detector, prepared, tested).read_text())
    assert run.report.exists() and "it lies outside the image" in page.text and not page.select("b")
    assert {"examples", "mistakes", "data"} <= {heading["id"] for heading in page.select("h2")}
