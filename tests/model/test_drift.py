"""A small network on images whose colours are their classes, and new images that differ in one way."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.model import drift as module
from eyebright.system.errors import DataError, ModelError
from eyebright.trust.drift import Drift

CLASSES = ("blue", "green", "red")


def draw(folder: Path, count: int, seed: int, *, classes: tuple[int, ...] = (0, 1, 2), scale: float = 1) -> Path:
    """Images as `make_folder` draws them, in folders named like their classes, some darker than others."""
    random = np.random.default_rng(seed)
    for index in classes:
        (folder / CLASSES[index]).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 120, (20, 24, 3)) * random.uniform(0.5, 1)
            pixels[:, :, index] += 100
            Image.fromarray((pixels * scale).astype(np.uint8)).save(folder / CLASSES[index] / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 100 images of each class, half of them validation images."""
    folder = tmp_path_factory.mktemp("drift")
    settings = eb.Settings(epochs=4, batch_size=16, learning_rate=3e-3, seed=3)
    pictures = eb.Dataset.open(draw(folder / "pictures", 100, seed=1), validation=0.5, test=0.1)
    eb.train(pictures, folder / "run", network=eb.zoo.mlp(3, input_size=8), settings=settings, verbose=False)
    return folder / "run"


def names(drift: Drift) -> set[str]:
    return {measure.name for measure in drift.alarms}


def test_new_images_of_the_same_kind_raise_no_alarm(run: Path, tmp_path: Path) -> None:
    found = eb.drift(run, draw(tmp_path / "new", 30, seed=2), verbose=False)
    assert not found.alarms and found.verdict == "No drift found."
    assert (found.pictures, found.found, found.reference, found.note) == (90, 90, 150, "")
    assert {measure.name for measure in found.measures} == {
        "features", "unfamiliar", "brightness", "contrast", "colour", "sharpness", "size", "proportions", "confidence",
        "classes",
    }  # fmt: skip


def test_darker_images_are_found_and_named(run: Path, tmp_path: Path) -> None:
    found = eb.drift(run, draw(tmp_path / "new", 30, seed=2, scale=0.7), verbose=False)
    assert {"brightness", "features"} <= names(found)
    assert any(measure.sentence.startswith("The images are darker") for measure in found.alarms)


def test_a_class_that_no_longer_occurs_is_found(run: Path, tmp_path: Path) -> None:
    found = eb.drift(run, draw(tmp_path / "new", 40, seed=2, classes=(0, 1)), verbose=False)
    classes = next(measure for measure in found.alarms if measure.name == "classes")
    assert "red 0.0%" in classes.sentence


def test_images_of_another_kind_are_unfamiliar_and_the_most_unlike_are_named(run: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (30, 20, 24, 3), np.uint8) * 255
    (tmp_path / "new").mkdir()
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / "new" / f"{number:02d}.png")
    found = eb.drift(run, tmp_path / "new", verbose=False)
    assert {"unfamiliar", "features", "contrast"} <= names(found)
    values = [each.unfamiliarity for each in found.unfamiliar]
    assert len(values) == 10 and values == sorted(values, reverse=True) and values[-1] > 1
    assert all((tmp_path / "new" / each.name).is_file() for each in found.unfamiliar)


def test_images_of_the_training_are_left_out_and_files_can_be_given(run: Path, tmp_path: Path) -> None:
    old, new = run.parent / "pictures", draw(tmp_path / "new", 5, seed=2)
    (new / "blue" / "broken.png").write_bytes(b"no image")
    found = eb.drift(run, [old / "blue", new, new / "red" / "0.png"], verbose=False)
    assert found.seen == 90 and found.left_out == 1  # 90 of 100 were in the training or validation set
    assert found.pictures == 10 + 15 + 1
    with pytest.raises(DataError, match=r"no new images to compare .the model was trained on the only image\)"):
        eb.drift(run, next(old / "red" / f"{n}.png" for n in range(100) if seen(run, old / "red" / f"{n}.png")))


def seen(run: Path, image: Path) -> bool:
    dataset = eb.Dataset.from_arrays([np.asarray(Image.open(image))] * 2, ["a", "b"])
    return bool(eb.load(run).seen.contains(dataset.pack(eb.Preparation(width=8, height=8)).digests)[0])


def test_copies_of_one_image_are_one_group(run: Path, tmp_path: Path) -> None:
    image = draw(tmp_path / "one", 1, seed=5, classes=(0,)) / "blue" / "0.png"
    for number in range(40):
        (tmp_path / "new").mkdir(exist_ok=True)
        shutil.copy(image, tmp_path / "new" / f"{number}.png")
    found = eb.drift(run, tmp_path / "new", verbose=False)
    assert found.groups[1] == 1 and not found.alarms


def test_of_many_images_a_sample_is_compared(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 25)
    found = eb.drift(run, draw(tmp_path / "new", 30, seed=2), verbose=False)
    assert (found.pictures, found.found) == (25, 90)
    assert found == eb.drift(run, tmp_path / "new", verbose=False)


def test_of_an_old_model_only_the_classes_are_compared(old_model: Path, tmp_path: Path) -> None:
    """Its six validation images were predicted as two of each class."""
    found = eb.drift(old_model, draw(tmp_path / "new", 30, seed=2, classes=(0,)), verbose=False)
    assert [measure.name for measure in found.measures] == ["classes"] and found.reference == 6
    assert (found.measures[0].reference, found.measures[0].new) == ("33.3%", "100.0%")
    assert "An older version of eyebright has saved this model" in found.notes[0]


def test_a_model_that_was_not_trained_has_nothing_to_compare_with(saved: Path, pictures: Path) -> None:
    with pytest.raises(ModelError, match="was not trained: there is nothing to compare images with"):
        eb.drift(saved, pictures, verbose=False)


def test_a_profile_whose_parts_differ_in_length_is_damaged(run: Path, tmp_path: Path, pictures: Path) -> None:
    from safetensors.numpy import load_file, save_file

    model = Path(shutil.copytree(run / "model", tmp_path / "model"))
    tensors = load_file(model / "reference.safetensors")
    tensors["profile.brightness"] = tensors["profile.brightness"][:-1]
    save_file(tensors, model / "reference.safetensors")
    _enter_digest(model)
    with pytest.raises(ModelError, match="is damaged: the parts of its profile differ in length"):
        eb.drift(model, pictures, verbose=False)


def _enter_digest(model: Path) -> None:
    from eyebright.system.files import sha256

    card: dict[str, Any] = json.loads((model / "model.json").read_text())
    del card["sha256"]["model.json"]
    card["sha256"]["reference.safetensors"] = sha256(model / "reference.safetensors")
    (model / "model.json").write_text(json.dumps(card))


def test_callbacks_receive_the_progress(run: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    new = draw(tmp_path / "new", 2, seed=2)
    eb.drift(run, new, verbose=False, callbacks=[lambda event: stages.append(event.stage)])
    assert {"scanning", "preparing", "evaluating"} <= set(stages)
