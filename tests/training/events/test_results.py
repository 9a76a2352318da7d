from pathlib import Path

from eyebright.training.events.results import VerdictReached
from eyebright.training.receivers import EventLog, read_events
from eyebright.trust.verdict import Verdict


def test_the_verdict_of_an_older_version_is_still_read(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"event":"Judged","time_s":1.5,"kind":"fine","text":"Training and validation agree.","advice":""}\n'
    )
    (found,) = read_events(path)
    assert found == VerdictReached(time_s=1.5, kind="fine", text="Training and validation agree.", advice="")
    assert (found.remedy, found.others) == ({}, ())


def test_several_verdicts_come_back_as_they_were(tmp_path: Path):
    verdicts = [
        Verdict(
            kind="overfitting", short="by 41 points", text="Overfitting: ...", remedy={"cutmix": 1.0, "epochs": 30}
        ),
        Verdict(kind="class failing", short="only 1 % of rose", text="One class ...", advice="Look."),
    ]
    log = EventLog(tmp_path / "events.jsonl")
    log(VerdictReached.of(verdicts))
    (found,) = read_events(log.path)
    assert (found.kind, found.remedy, found.others) == ("overfitting", {"cutmix": 1.0, "epochs": 30}, (verdicts[1],))
