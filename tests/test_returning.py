"""A folder that changed under a run: what vanishes is left out from then on, what is new is refused."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.errors import DataError
from eyebright.model import Seen
from eyebright.resuming import resume
from eyebright.training.events import PicturesGone, StepDone, read_events


@pytest.fixture
def run(pictures, train_mlp, killed, tmp_path) -> Path:
    """A run that was killed in its second epoch."""
    killed(train_mlp, pictures, tmp_path / "run")
    return tmp_path / "run"


def sides(run: Path) -> dict[str, list[str]]:
    """Names of the pictures on each side."""
    found: dict[str, list[str]] = {}
    with (run / "split.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["split"], []).append(row["name"])
    return found


def left_out(run: Path) -> dict[str, str]:
    with (run / "left_out.csv").open(newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}


def noise(path: Path, seed: int = 99) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 24, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def test_what_vanished_is_told_listed_and_left_out(run, pictures):
    before = sides(run)
    gone = [before["train"][0], before["train"][1], before["test"][0], before["validation"][0]]
    for name in gone:
        (pictures / name).unlink()
    result = resume(run)
    events = read_events(run / "events.jsonl")
    assert [set(event.names) for event in events if isinstance(event, PicturesGone)] == [set(gone)]
    assert left_out(run) == dict.fromkeys(gone, "vanished since the run began")
    assert result.test.pictures == len(before["test"]) - 1
    assert sides(run) == before  # which picture was on which side stays written down


def test_what_was_learned_from_before_it_vanished_still_counts_as_seen(run, pictures):
    before = sides(run)
    learned, tested = before["train"][0], before["test"][0]
    saved = {name: (pictures / name).read_bytes() for name in (learned, tested)}
    for name in saved:
        (pictures / name).unlink()
    seen = resume(run).classifier.seen
    with (run / "split.csv").open(newline="") as file:
        digests = {row["name"]: bytes.fromhex(row["digest"]) for row in csv.DictReader(file)}
    assert seen.among([digests[learned], digests[tested]]).tolist() == [True, False]
    assert seen == Seen().and_of(digests[name] for name in before["train"] + before["validation"])


def test_what_vanished_stays_out_when_it_comes_back_and_is_told_once(run, pictures):
    name = sides(run)["train"][0]
    content = (pictures / name).read_bytes()
    (pictures / name).unlink()
    resume(run)
    (pictures / name).write_bytes(content)
    (pictures / sides(run)["train"][1]).unlink()
    steps: list[int] = []
    resume(run, epochs=4, callbacks=[lambda event: steps.append(event.of) if isinstance(event, StepDone) else None])
    assert set(steps) == {len(sides(run)["train"]) - 2}
    told = [event.names for event in read_events(run / "events.jsonl") if isinstance(event, PicturesGone)]
    assert told == [(name,), (sides(run)["train"][1],)]


def test_the_course_without_them_does_not_depend_on_further_kills(run, pictures, killed, tmp_path):
    """The order of those that are left is drawn from their contents, as ever."""
    shutil.copytree(run, tmp_path / "twice")
    for name in sides(run)["train"][:3]:
        (pictures / name).unlink()
    once = resume(run).classifier.get_weights()
    killed(resume, tmp_path / "twice", at_epoch=3)
    twice = resume(tmp_path / "twice").classifier.get_weights()
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_a_picture_that_can_no_longer_be_opened_is_gone_too(run, pictures):
    name = sides(run)["train"][0]
    (pictures / name).write_bytes(b"")
    resume(run)
    assert left_out(run) == {name: "empty file"}
    assert [event.names for event in read_events(run / "events.jsonl") if isinstance(event, PicturesGone)] == [(name,)]


def test_new_pictures_are_refused_with_the_ways_to_go_on(run, pictures):
    noise(pictures / "red" / "zzz.png")
    with pytest.raises(
        DataError, match=r"1 picture\(s\) \(red/zzz\.png\).* came since .*run began.*--from .*run -o NEW"
    ):
        resume(run)


def test_a_picture_that_shows_something_else_is_refused(run, pictures):
    noise(pictures / sides(run)["train"][0])
    with pytest.raises(DataError, match=r"1 picture\(s\) .* show something else than when .*run began\. Put back"):
        resume(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda place: (place / "red").rename(place / "violet"), r"new: violet; gone: red"),
        (lambda place: [path.unlink() for path in (place / "red").iterdir()] + [(place / "red").rmdir()], "gone: red"),
        (lambda place: (place / "yellow").mkdir(), "new: yellow"),
    ],
)
def test_other_classes_are_refused_with_the_ways_to_go_on(change, words, run, pictures):
    change(pictures)
    before = (run / "config.toml").read_bytes()
    with pytest.raises(DataError, match=rf"classes in .* are no longer those of .*{words}\)\. .*other classes"):
        resume(run, epochs=30)
    assert (run / "config.toml").read_bytes() == before  # nothing is promised that is then refused


def test_a_picture_in_another_class_of_a_table_is_refused(pictures, train_mlp, killed, tmp_path):
    lines = [f"{path},{path.parent.name}" for path in sorted(pictures.rglob("*.png"))]
    table = tmp_path / "table.csv"
    table.write_text("path,class\n" + "\n".join(lines))
    killed(train_mlp, table, tmp_path / "run")
    table.write_text("path,class\n" + "\n".join([lines[0].replace(",blue", ",red"), *lines[1:]]))
    with pytest.raises(DataError, match=r"1 picture\(s\) .*000\.png.* changed class since"):
        resume(tmp_path / "run")


def test_a_side_that_is_left_without_pictures_ends_the_run(run, pictures):
    for name in sides(run)["test"]:
        (pictures / name).unlink()
    with pytest.raises(DataError, match="no picture for test is left"):
        resume(run)


def test_pictures_that_were_left_out_on_purpose_may_vanish(pictures, train_mlp, killed, tmp_path):
    names = ["red/000.png", "red/001.png"]
    killed(train_mlp, pictures, tmp_path / "run", exclude=names)
    (pictures / names[0]).unlink()
    resume(tmp_path / "run")
    assert not any(isinstance(event, PicturesGone) for event in read_events(tmp_path / "run" / "events.jsonl"))
    assert not left_out(tmp_path / "run")
