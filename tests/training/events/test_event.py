from pathlib import Path

from eyebright.training.events.event import Progress, StepDone
from eyebright.training.receivers import EventLog


def test_transient_events_are_not_written(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    log(StepDone(epoch=1, epochs=2, pictures=3, of=4, loss=0.5, accuracy=0.5))
    log(Progress(stage="preparing", done=1, of=2))
    assert not log.path.exists()
