import json
from pathlib import Path


def test_prints_the_verdict_and_every_measure(run: Path, make_folder, eyebright) -> None:
    finished = eyebright("drift", run, make_folder("new", classes=("blue", "green", "red", "violet"), count=9))
    assert finished.code == 0, finished.err
    assert "validation images of the training" in finished.out and "brightness" in finished.out
    assert all(len(line) <= 80 for line in finished.out.splitlines())


def test_json_has_the_p_value_and_effect_of_each_measure(run: Path, make_folder, eyebright, tmp_path) -> None:
    folder = make_folder("new", count=20)
    found = json.loads(eyebright("drift", run, folder / "red", folder / "blue" / "019.png", "--json").out)
    assert {"features", "brightness", "classes"} <= {measure["name"] for measure in found["measures"]}
    assert all(0 < measure["p_value"] <= 1 and measure["effect"] >= 0 for measure in found["measures"])
    assert found["pictures"] + found["seen"] == 21


def test_images_of_the_training_alone_are_an_error(run: Path, eyebright, tmp_path) -> None:
    for line in (run / "split.csv").read_text().splitlines()[1:]:
        name, _, side, _ = line.split(",")
        if side == "test":
            (tmp_path / "pictures" / name).unlink()
    finished = eyebright("drift", run, tmp_path / "pictures")
    assert finished.code == 1 and "give images that are new to the model" in finished.err
