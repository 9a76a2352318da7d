from pathlib import Path

from eyebright.data.corrections import Applied, Correction
from eyebright.training.events.starting import Corrected, RunStarted
from eyebright.training.receivers import read_events


def test_the_start_of_a_run_of_an_older_version_is_still_read(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"event":"RunStarted","time_s":1.5,"pictures":"photos","network":"lenet5","size":32,"seed":0,"epochs":3,'
        '"classes":["a","b"],"train":8,"validation":2,"test":2,"left_out":["a/1.png"],"leaking":0,"parameters":61706,'
        '"versions":{}}\n'
    )
    (started,) = read_events(path)
    assert isinstance(started, RunStarted) and started.classes == ("a", "b")
    assert (started.naive_leak, started.leaks, started.absent, started.held_back) == (0.0, (), (), 0)


def test_corrections_are_counted_by_their_decision():
    corrections = (
        Correction(name="a/1.png", decision="relabel", new_label="b"),
        Correction(name="a/2.png", decision="relabel", new_label="b"),
        Correction(name="b/1.png", decision="exclude"),
        Correction(name="b/2.png", decision="keep"),
    )
    event = Corrected.of(Applied(Path("fixed.json"), corrections, duplicates=1, missing=("gone.png",), changed=()))
    assert (event.path, event.relabelled, event.excluded, event.kept) == ("fixed.json", 2, 1, 1)
    assert (event.duplicates, event.missing, event.changed) == (1, ("gone.png",), ())
