import json
from pathlib import Path
from typing import get_args

import pytest

from eyebright.report.history import History
from eyebright.system.errors import OutputError
from eyebright.training import events
from eyebright.training.events import (
    AnyEvent,
    Event,
    EventLog,
    Judged,
    Progress,
    Resumed,
    StepDone,
    Stopped,
    read_events,
)
from eyebright.trust.verdict import Verdict

STOPPED = Stopped(reason="finished", epoch=3, best_epoch=2)


def test_events_come_back_as_they_were(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    log(Resumed(epoch=1))
    log(STOPPED)
    assert read_events(log.path)[1] == STOPPED
    assert [json.loads(line)["event"] for line in log.path.read_text().splitlines()] == ["Resumed", "Stopped"]


def test_transient_events_are_not_written(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    log(StepDone(epoch=1, epochs=2, pictures=3, of=4, loss=0.5, accuracy=0.5))
    log(Progress(stage="preparing", done=1, of=2))
    assert not log.path.exists()


def test_a_line_that_a_crash_cut_off_is_skipped(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    log(Resumed(epoch=1))
    with log.path.open("ab") as file:
        file.write(b'{"event":"Stop')
    assert len(read_events(log.path)) == 1


def test_an_event_after_a_cut_off_line_is_not_lost(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event":"Stop')
    EventLog(path)(STOPPED)
    assert read_events(path) == [STOPPED]


def test_a_run_without_events_has_none(tmp_path: Path):
    assert read_events(tmp_path / "events.jsonl") == []
    assert History.from_events([]) == History()


def test_a_log_that_cannot_be_written_names_its_file(tmp_path: Path):
    with pytest.raises(OutputError, match=r"missing.events\.jsonl cannot be written"):
        EventLog(tmp_path / "missing" / "events.jsonl")(STOPPED)


def test_the_verdict_of_an_older_version_is_still_read(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"event":"Judged","time_s":1.5,"kind":"fine","text":"Training and validation agree.","advice":""}\n'
    )
    (told,) = read_events(path)
    assert told == Judged(time_s=1.5, kind="fine", text="Training and validation agree.", advice="")
    assert (told.remedy, told.others) == ({}, ())


def test_several_verdicts_come_back_as_they_were(tmp_path: Path):
    verdicts = [
        Verdict(
            kind="overfitting", short="by 41 points", text="Overfitting: ...", remedy={"cutmix": 1.0, "epochs": 30}
        ),
        Verdict(kind="class failing", short="only 1 % of rose", text="One class ...", advice="Look."),
    ]
    log = EventLog(tmp_path / "events.jsonl")
    log(Judged.of(verdicts))
    (told,) = read_events(log.path)
    assert (told.kind, told.remedy, told.others) == ("overfitting", {"cutmix": 1.0, "epochs": 30}, (verdicts[1],))


def kinds_of(kind: type[Event]) -> set[type[Event]]:
    """The kinds of events below one, as the package itself describes them."""
    below = {one for one in kind.__subclasses__() if one.__module__.startswith(events.__name__)}
    return below.union(*map(kinds_of, below))


def test_every_event_can_be_received_and_read():
    assert set(get_args(AnyEvent)) == kinds_of(Event) - {events.Transient}
    assert all(kind.__struct_config__.tag == kind.__name__ for kind in kinds_of(Event))
