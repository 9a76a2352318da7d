from pathlib import Path

from eyebright.training.events.fitting import MirroringChecked, StartValidated
from eyebright.training.receivers import read_events


def test_events_that_had_another_name_in_older_versions_are_still_read(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"event":"MirroringJudged","time_s":1.5,"same":true,"pictures":40,"accuracy":0.9,"mirrored_accuracy":0.8}\n'
        '{"event":"StartJudged","time_s":2.5,"validation_loss":0.5,"validation_accuracy":0.75}\n'
    )
    assert read_events(path) == [
        MirroringChecked(time_s=1.5, same=True, pictures=40, accuracy=0.9, mirrored_accuracy=0.8),
        StartValidated(time_s=2.5, validation_loss=0.5, validation_accuracy=0.75, measure="accuracy"),
    ]
