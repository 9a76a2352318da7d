import json
from pathlib import Path
from typing import get_args

import pytest

from eyebright.report.history import History
from eyebright.system.errors import OutputError
from eyebright.training.events.event import Event, Transient
from eyebright.training.events.fitting import Stopped
from eyebright.training.events.starting import Resumed
from eyebright.training.receivers import LOGGED, EventLog, last_event, read_events

STOPPED = Stopped(reason="finished", epoch=3, best_epoch=2)


def test_events_come_back_as_they_were(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    log(Resumed(epoch=1))
    log(STOPPED)
    assert read_events(log.path)[1] == STOPPED
    assert [json.loads(line)["event"] for line in log.path.read_text().splitlines()] == ["Resumed", "Stopped"]


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


def kinds_of(kind: type[Event]) -> set[type[Event]]:
    """The kinds of events below one, as the package itself describes them."""
    below = {one for one in kind.__subclasses__() if one.__module__.startswith("eyebright.training.events")}
    return below.union(*map(kinds_of, below))


def test_every_event_that_is_written_can_be_read():
    assert set(get_args(LOGGED)) == kinds_of(Event) - {Transient} - kinds_of(Transient)
    assert all(kind.__struct_config__.tag == kind.__name__ for kind in kinds_of(Event))


def test_the_last_event_of_a_kind_is_found():
    events = [Resumed(epoch=1), STOPPED, Resumed(epoch=2)]
    assert last_event(events, Resumed) == events[2] and last_event(events, Stopped) == STOPPED
    assert last_event(events[:1], Stopped) is None
