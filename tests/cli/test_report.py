import json


def test_the_command_writes_it_and_prints_where(pictures, train_mlp, eyebright, tmp_path, monkeypatch):
    train_mlp(pictures, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    done = eyebright("report", "run")
    assert (done.code, done.out) == (0, "Report: run/report.html\n")
    assert json.loads(eyebright("report", "run", "--json").out) == {"report": "run/report.html"}
