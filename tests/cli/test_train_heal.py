import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from eyebright.runs import train
from eyebright.runs.folder import Run
from eyebright.training.events import EpochEnded, EventLog, Healed, Judged, read_events


@pytest.fixture
def low() -> list[str]:
    """Options for a training of a second that learns next to nothing, for want of larger steps."""
    options = {
        "network": "flowers_cnn",
        "epochs": 2,
        "size": 16,
        "batch-size": 8,
        "learning-rate": 1e-6,
        "seed": 0,
        "precision": "float32",
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def test_a_training_is_healed_at_once_and_the_better_model_offered(make_folder, eyebright, low, tmp_path):
    run = tmp_path / "run"
    finished = eyebright("train", make_folder(count=24), "-o", run, *low, "--heal")
    assert finished.code == 0, finished.err
    for words in (
        "Learning rate too low",
        "Healing (learning rate too low)",
        "learning_rate 0.002",
        "Second training: accuracy ",
    ):
        assert words in finished.out
    (told,) = (event for event in read_events(run / "events.jsonl") if isinstance(event, Healed))
    assert finished.out.splitlines()[-1] == f"Ask it:  eyebright predict {told.kept} PICTURES..."
    assert all(len(line) <= 80 for line in finished.out.replace(str(tmp_path), "").splitlines())


def test_the_command_that_is_advised_repeats_the_run_with_that_change(make_folder, eyebright, low, tmp_path):
    run = tmp_path / "a run"
    first = eyebright("train", make_folder(count=24), "-o", run, *low)
    (advised,) = (line for line in first.out.replace("\\\n", "").splitlines() if "--learning-rate" in line)
    words, new = shlex.split(advised), tmp_path / "a run_2"
    assert words[:2] == ["eyebright", "train"] and words[words.index("-o") + 1] == str(new)
    second = eyebright(*words[1:])
    assert second.code == 0, second.err
    before, after = (Run(path).read()[0] for path in (run, new))
    assert after == msgspec.structs.replace(before, training=before.training.changed({"learning_rate": 2e-3}))
    assert (run / "split.csv").read_bytes() == (new / "split.csv").read_bytes()


def test_a_finished_run_is_healed_without_being_trained_again(make_folder, eyebright, low, tmp_path):
    run = tmp_path / "run"
    first = eyebright("train", make_folder(count=24), "-o", run, *low)
    assert f"Let the advice be tried:  eyebright train --resume {run} --heal" in first.out.splitlines()
    healed = eyebright("train", "--resume", run, "--heal", "--json")
    assert healed.code == 0, healed.err
    result = json.loads(healed.out)["healing"]
    assert result["after"]["right"] - result["before"]["right"] == round(result["difference"]["value"] * 12)
    assert result["kept"] in (str(run), str(run / "healed"))
    assert sum(isinstance(event, EpochEnded) for event in read_events(run / "events.jsonl")) == 2
    again = eyebright("train", "--resume", run, "--heal")
    assert again.code == 1
    assert "healed already exists" in again.err
    assert "Healing" not in again.out
    other = eyebright("train", "--resume", run, "--heal", "-o", tmp_path / "other")
    assert other.code == 0, other.err
    assert (tmp_path / "other" / "model").is_dir()


def test_where_settings_cannot_help_it_says_so(run: Path, eyebright):
    EventLog(run / "events.jsonl")(Judged(kind="sound", text="", advice=""))
    finished = eyebright("train", "--resume", run, "--heal")
    assert finished.code == 0
    assert "Nothing to heal" in finished.out
    assert f"eyebright predict {run} PICTURES" in finished.out


def test_healing_that_is_interrupted_says_how_to_go_on_with_it(run: Path, eyebright):
    EventLog(run / "events.jsonl")(Judged(kind="overfitting", text="", advice="", remedy={"rotation": 0.3}))
    begin = train.train

    def interrupted(*arguments: object, **options: object) -> object:
        callbacks = options.pop("callbacks")

        def stop(event: object) -> None:
            for callback in callbacks:
                callback(event)
            if isinstance(event, EpochEnded):
                raise KeyboardInterrupt

        return begin(*arguments, **options, callbacks=[stop])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", interrupted)
        stopped = eyebright("train", "--resume", run, "--heal")
    assert stopped.code == 130
    assert f"eyebright train --resume {run} --heal" in (stopped.err + stopped.out).splitlines()[-1]
    assert not any(isinstance(event, Healed) for event in read_events(run / "events.jsonl"))
    finished = eyebright("train", "--resume", run, "--heal")
    assert finished.code == 0, finished.err
    assert "Healing (overfitting)" in finished.out and "on the same 6 validation images" in finished.out
    assert any(isinstance(event, Healed) for event in read_events(run / "events.jsonl"))


def test_healing_has_what_the_first_training_left_of_the_minutes(run: Path, eyebright, monkeypatch):
    """Of which too little is refused at once, and told as no failure: the run is as good as it was."""
    EventLog(run / "events.jsonl")(Judged(kind="underfitting", text="", advice="", remedy={"minutes": 4.0}))
    monkeypatch.setattr(train, "train", lambda *pictures, **options: SimpleNamespace(interrupted=False))
    finished = eyebright("train", run.parent / "pictures", "-o", run, "--minutes", "0.3", "--heal")
    assert finished.code == 0, finished.err
    refused, ask = finished.out.splitlines()[-2:]
    assert re.match(r"Not healed: healing in 1\d\.\d s is not possible: it takes 18\.0 s at least\. ", refused)
    assert refused.endswith(f"To do it in a time of its own: eyebright train --resume {run} --heal")
    assert ask == f"Ask it:  eyebright predict {run} PICTURES..."
    assert not (run / "healed").exists()
