import json

from eyebright.training.events import Evaluated, read_events


def test_the_demo_goes_the_whole_way(eyebright, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished = eyebright("demo")
    assert finished.code == 0, finished.err
    place = tmp_path / "eyebright_demo"
    assert len(list(place.glob("digits/*/*.png"))) == 1797
    look = next(event for event in read_events(place / "digits_run" / "events.jsonl") if isinstance(event, Evaluated))
    assert look.accuracy >= 0.95
    assert (place / "predictions.png").exists()
    for command in ("train", "evaluate", "predict"):
        assert f"$ eyebright {command} " in finished.out
    assert json.loads((place / "digits_run" / "model" / "history.json").read_text())["best_epoch"] > 1
