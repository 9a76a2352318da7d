from pathlib import Path
from typing import get_args

from eyebright.training.event import Event, Transient
from eyebright.training.events import AnyEvent, Judged
from eyebright.training.receivers import EventLog, read_events
from eyebright.trust.verdict import Verdict


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
    below = {one for one in kind.__subclasses__() if one.__module__.startswith("eyebright.training.event")}
    return below.union(*map(kinds_of, below))


def test_every_event_can_be_received_and_read():
    assert set(get_args(AnyEvent)) == kinds_of(Event) - {Transient}
    assert all(kind.__struct_config__.tag == kind.__name__ for kind in kinds_of(Event))
