import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

import eyebright as eb
from eyebright.model.card_file import content_sha256
from eyebright.model.classifier import Classifier
from eyebright.network import zoo
from eyebright.system import files
from eyebright.system.errors import ModelError, OutputError
from eyebright.tasks.detection.model.card import is_detector, read_detector
from eyebright.tasks.detection.model.detector import Detector


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small detector, which no test changes."""
    folder = tmp_path_factory.mktemp("kept") / "detector"
    Detector(zoo.lite0_detector(1, input_size=32), ["cell"], calibration=[(0.2, 0)], thresholds=[0.3], seed=1).save(
        folder
    )
    return folder


@pytest.fixture
def altered(kept: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the detector with other files or entries of its card, and digests that fit."""

    def altered(files_: dict[str, bytes] | None = None, **entries: object) -> Path:
        folder = tmp_path / "altered"
        folder.mkdir()
        for file in kept.iterdir():
            (folder / file.name).write_bytes((files_ or {}).get(file.name, file.read_bytes()))
        card = json.loads((kept / "detector.json").read_text()) | entries
        card["sha256"] |= {name: files.sha256(folder / name) for name in files_ or {}}
        card["sha256"]["detector.json"] = content_sha256(card, "detector.json")
        (folder / "detector.json").write_text(json.dumps(card))
        return folder

    return altered


def test_the_folder_has_these_files(kept: Path) -> None:
    assert sorted(file.name for file in kept.iterdir()) == [
        "README.md", "detector.json", "golden.safetensors", "history.json", "network.onnx", "weights.safetensors",
    ]  # fmt: skip
    assert is_detector(kept) and not is_detector(kept.parent)


@pytest.mark.parametrize("name", ["weights.safetensors", "network.onnx", "golden.safetensors", "detector.json"])
def test_an_altered_or_missing_file_is_noticed(kept: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for file in kept.iterdir():
        data = file.read_bytes()
        (folder / file.name).write_bytes(data.replace(b"cell", b"sell") + b" " if file.name == name else data)
    with pytest.raises(ModelError, match="altered" if name != "detector.json" else "edited"):
        read_detector(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=r"is missing|is not a model: it has no detector\.json"):
        read_detector(folder)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"format": 2}, "has format 2, but this version of eyebright reads up to 1: update eyebright"),
        (
            {"classes": ["a", "b"], "thresholds": [0.5, 0.5], "calibration": [[1, 0], [1, 0]]},
            r"gives \(5, 4, 4\), but there are 2 classes",
        ),
        ({"thresholds": []}, "a threshold from 0 to 1 for each of 1 class"),
        ({"calibration": [[-1, 0]]}, r"a slope above 0 and a finite shift for each of 1 class, got \(-1.0, 0.0\)"),
        ({"calibration": []}, "for each of 1 class, got none"),
        ({"preparation": {"width": 32, "height": 32, "fit": "crop"}}, "resized with \"pad\", got 'crop'"),
        ({"preparation": {"width": 64, "height": 64, "fit": "pad"}}, "images are prepared to"),
        ({"network": zoo.mlp(5, input_size=32).to_dict()}, "the network in .* is invalid: .* a detector gives maps"),
        ({"extra": 1}, "unknown field `extra`"),
        ({"overlap": 0.0}, "an overlap from 0 to 1"),
    ],
)
def test_an_invalid_card_is_refused(altered: Callable[..., Path], entries: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_detector(altered(**entries))


@pytest.mark.parametrize("name", ["scores", "boxes", "found_0"])
def test_a_detector_that_finds_something_else_here_is_refused(
    kept: Path, altered: Callable[..., Path], name: str
) -> None:
    """Its golden images say so: maps that the graph does not give, or objects that do not follow from them."""
    golden = load_file(kept / "golden.safetensors")
    golden[name] = golden[name] + np.asarray(0.01 * np.maximum(np.abs(golden[name]), 1), golden[name].dtype)
    folder = altered({"golden.safetensors": save(golden)})
    with pytest.raises(ModelError, match="other objects here" if name == "found_0" else f"{name} by 0.01"):
        Detector.load(folder)


def test_a_folder_that_is_there_is_kept(kept: Path, tmp_path: Path) -> None:
    detector = Detector.load(kept)
    detector.save(tmp_path / "d")
    with pytest.raises(OutputError, match="already exists"):
        detector.save(tmp_path / "d")
    detector.save(tmp_path / "d", overwrite=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(OutputError, match="contains something else"):
        detector.save(tmp_path / "photos", overwrite=True)


def test_a_classifier_is_no_detector_and_a_detector_no_classifier(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"finds objects and does not name whole images: load it with eyebright\.load"):
        Classifier.load(kept)
    with pytest.raises(ModelError, match=r"has no detector\.json"):
        read_detector(tmp_path)


def test_a_folder_of_either_kind_is_loaded_by_one_function(kept: Path, tmp_path: Path) -> None:
    Classifier(zoo.flowers_cnn(2, input_size=16), classes=["a", "b"]).save(tmp_path / "run" / "model")
    assert isinstance(eb.load(kept), Detector)
    assert isinstance(eb.load(tmp_path / "run"), Classifier)
    with pytest.raises(ModelError, match="does not exist"):
        eb.load(tmp_path / "none")
