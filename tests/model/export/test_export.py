import errno
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.model.export.making import replace

from eyebright.model.export import onnx as onnx_format
from eyebright.model.export import recipe
from eyebright.model.export.export import write_export
from eyebright.model.export.exported import read_export
from eyebright.model.export.formats import named_format
from eyebright.system import files
from eyebright.system.errors import MissingExtraError, ModelError, OutputError, SettingsError
from eyebright.trust.answers import Answers


def export(source, model, path, **options):
    return write_export(source, model.predictor.answers, "onnx", path, **options)


def check(folder):
    """What the folder's own check says, in a process without eyebright."""
    command = [sys.executable, "-B", "check.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": ""})


def test_the_folder_has_all_that_it_takes_and_its_check_passes_without_eyebright(exported, classifier):
    names = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert names == {*read_export(exported).card.sha256, "README.md"}
    assert {"model.onnx", "prepare.py", "run.py", "classify.py", "check.py", "proof.json"} < names
    card = json.loads((exported / "export.json").read_text())
    assert card["classes"] == list(classifier.classes)
    assert (card["temperature"], card["unfamiliarity"]) == (1.7, True)
    assert card["thresholds"] == pytest.approx([0.4, 0.7, 2.0])
    assert not any("eyebright" in path.read_text() for path in exported.glob("*.py"))
    ran = check(exported)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0].startswith("files: as expected")
    assert ran.stdout.splitlines()[1:] == [
        f"image_{number}.{kind}: as expected" for number, kind in enumerate(["png", "png", "png", "jpg"])
    ]


def test_classify_gives_the_answers_of_the_model(exported, classifier):
    photo = exported / "golden" / "image_3.jpg"
    command = [sys.executable, "-B", "classify.py", str(photo)]
    ran = subprocess.run(command, cwd=exported, capture_output=True, text=True, env={"PYTHONPATH": ""}, check=True)
    shown, *lines = ran.stdout.splitlines()
    expected = classifier.predict(photo)
    assert shown.removeprefix(f"{photo}: ").startswith(expected.label or "no answer")
    found = {line.split()[1]: float(line.split()[0].rstrip("%")) / 100 for line in lines}
    assert found == pytest.approx(expected.probabilities, abs=1e-4)


def test_the_same_model_gives_the_same_files(exported, source, classifier, tmp_path):
    export(source, classifier, tmp_path / "again")
    for path in exported.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(exported)).read_bytes() == path.read_bytes()


def refused(source, classifier, path, match, monkeypatch, **changes):
    """Whether an altered format is refused, and nothing is left behind."""
    monkeypatch.setattr(onnx_format, "FORMAT", onnx_format.FORMAT._replace(**changes))
    with pytest.raises(ModelError, match=match):
        export(source, classifier, path)
    assert not list(path.parent.iterdir())


def test_an_altered_weight_is_refused(source, classifier, other_graph, tmp_path, monkeypatch):
    def write(source, precision):
        return {"model.onnx": other_graph(scale=1.001)}

    refused(
        source,
        classifier,
        tmp_path / "new",
        r"differ by up to 0\.0.*nothing was",
        monkeypatch,
        write=write,
    )


def test_another_order_of_classes_is_refused(source, classifier, tmp_path, monkeypatch):
    def load(exported):
        run = named_run(exported)

        def other(pixels):
            found = run(pixels)
            return Answers.decided(found.probabilities[:, ::-1], found.unfamiliarity, exported.thresholds)

        return other

    named_run = named_format("onnx").load
    refused(source, classifier, tmp_path / "new", "probabilities differ by up to", monkeypatch, load=load)


def test_other_thresholds_than_the_model_has_are_refused(source, classifier, tmp_path, monkeypatch):
    def load(exported):
        run = named_run(exported)
        return lambda pixels: Answers.decided(*run(pixels)[:2])

    named_run = named_format("onnx").load
    refused(source, classifier, tmp_path / "new", "do not follow from its probabilities", monkeypatch, load=load)


def test_a_runtime_that_answers_batches_otherwise_is_refused(source, classifier, tmp_path, monkeypatch):
    def load(exported):
        run = named_run(exported)
        return lambda pixels: run(pixels if len(pixels) != 3 else pixels[[0, 0, 0]])

    named_run = named_format("onnx").load
    refused(source, classifier, tmp_path / "new", "other answers for 3 images than for all", monkeypatch, load=load)


@pytest.mark.parametrize(
    ("file", "old", "new", "match"),
    [
        ("prepare.py", "max((picture.width - size[0] / max(ratios)) / 2, 0)", "0", "prepared pixels differ by"),
        ("run.py", '["answer"]', '["answer"] * 0 - 1', "answer None, expected"),
        ("golden/answers.json", '"daisy"', '"dandelion"', "other classes"),
        ("golden/answers.json", '"unfamiliarity": 0', '"unfamiliarity": 9', "unfamiliarity differs by"),
    ],
)
def test_the_check_of_the_folder_can_fail(exported, file, old, new, match):
    text = (exported / file).read_text()
    assert old in text
    (exported / file).write_text(text.replace(old, new))
    assert check(exported).stdout == f"altered or missing since the export: {file}\n"
    replace(exported, file, text.replace(old, new).encode())
    ran = check(exported)
    assert ran.returncode == 1 and not ran.stderr
    assert match in ran.stdout


def test_the_check_notices_an_edited_card(exported):
    text = (exported / "export.json").read_text()
    (exported / "export.json").write_text(text.replace('"temperature": 1.7', '"temperature": 1.6'))
    ran = check(exported)
    assert (ran.returncode, ran.stdout) == (1, "altered or missing since the export: export.json\n")


def test_a_program_of_the_folder_that_fails_is_an_error_and_leaves_nothing(source, classifier, tmp_path, monkeypatch):
    broken = {"run.py": b"raise SystemExit('no such operator')"}
    programs = recipe.programs
    monkeypatch.setattr(recipe, "programs", lambda target: programs(target) | broken)
    with pytest.raises(ModelError, match=r"the check of the ONNX export fails; nothing was written:\nfiles.*\nno such"):
        export(source, classifier, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_before_the_work(source, classifier, exported, monkeypatch, tmp_path):
    with pytest.raises(OutputError, match="already exists"):
        export(source, classifier, exported)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("dear")
    with pytest.raises(OutputError, match="contains something else"):
        export(source, classifier, tmp_path / "other", overwrite=True)
    monkeypatch.setattr(files, "free_bytes", lambda path: 1000)
    with pytest.raises(OutputError, match=r"the export needs .* MB, but the disk of .* has 0 MB free"):
        export(source, classifier, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exported", "other"]


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(source, classifier, tmp_path, monkeypatch):
    def full(target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recipe, "programs", full)
    with pytest.raises(OutputError, match="new cannot be written: No space left on device"):
        export(source, classifier, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_a_missing_runtime_is_reported_with_what_to_install(source, classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_format, "FORMAT", onnx_format.FORMAT._replace(runtime=("numpy", "no-such-runtime")))
    with pytest.raises(MissingExtraError, match=r"pip install no-such-runtime$"):
        export(source, classifier, tmp_path / "new")


def test_unknown_formats_precisions_and_tolerances_are_refused(source, classifier, tmp_path):
    with pytest.raises(SettingsError, match=r"unknown format 'onxx': did you mean 'onnx'"):
        write_export(source, classifier.predictor.answers, "onxx", tmp_path / "new")
    with pytest.raises(SettingsError, match=r"ONNX is written in .*float32.*, not in 'float8'"):
        export(source, classifier, tmp_path / "new", precision="float8")
    with pytest.raises(SettingsError, match="tolerance must be from 0 to 1, got 2"):
        export(source, classifier, tmp_path / "new", tolerance=2)


def test_an_export_is_replaced_as_a_whole(source, classifier, exported):
    (exported / "stray.txt").write_text("left over")
    export(source, classifier, exported, overwrite=True)
    assert not (exported / "stray.txt").exists() and np.isfinite(read_export(exported).card.temperature)
