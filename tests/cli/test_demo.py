import json

from eyebright.training.events.results import Evaluated
from eyebright.training.receivers import read_events


def test_the_demo_goes_the_whole_way(eyebright, tmp_path, monkeypatch, few_digits):
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "eyebright_demo" / "predictions.png"  # of a demo before
    old.parent.mkdir()
    old.write_bytes(b"old")
    finished = eyebright("demo")
    assert finished.code == 0, finished.err
    place = tmp_path / "eyebright_demo"
    assert len(list(place.glob("digits/*/*.png"))) == 599
    look = next(event for event in read_events(place / "digits_run" / "events.jsonl") if isinstance(event, Evaluated))
    assert look.accuracy >= 0.9
    assert old.read_bytes() != b"old"
    for command in ("train", "evaluate", "predict"):
        assert f"$ eyebright {command} " in finished.out
    assert json.loads((place / "digits_run" / "model" / "history.json").read_text())["best_epoch"] > 1
