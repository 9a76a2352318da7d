"""The whole way on real pictures: a few short epochs each, on what people really have in their folders."""

import json
import shutil

import numpy as np
import pytest

import eyebright as eb


@pytest.mark.parametrize(
    ("name", "classes", "pictures", "each", "epochs"),  # unseen films of traffic signs take longer
    [
        ("flowers", 5, 4317, 6, 4),
        ("cifar10", 10, 6000, 5, 4),
        ("traffic_signs", 43, 1935, 1, 16),
        ("fashion/folder", 10, 900, 1, 1),
    ],
)
def test_trains_evaluates_and_answers(name, classes, pictures, each, epochs, real_pictures, tmp_path):
    """All images are found; of large sets, every fifth or sixth is trained on."""
    dataset = eb.Dataset.from_folder(real_pictures / name)
    assert (len(dataset.classes), len(dataset)) == (classes, pictures)
    if each > 1:
        for image in dataset.source.names[::each]:
            (tmp_path / "some" / image).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "some" / image).symlink_to(real_pictures / name / image)
        dataset = eb.Dataset.from_folder(tmp_path / "some")
    settings = eb.Settings(epochs=epochs, precision="float32")  # a measured precision would depend on the machine
    result = eb.train(dataset, tmp_path / "run", network="flowers_cnn", size=24, settings=settings)
    assert result.test.interval[0] > 1 / classes  # better than chance
    again = eb.load(tmp_path / "run")
    first = dataset.source.open(0)
    assert again.predict(first).probabilities == pytest.approx(result.classifier.predict(first).probabilities, abs=1e-5)
    assert json.loads((tmp_path / "run" / "model" / "model.json").read_text())["classes"] == list(dataset.classes)


def test_a_model_of_flowers_has_no_class_for_noise_a_blank_image_a_truck_or_a_face(real_pictures, tmp_path):
    """The default training, on 60 images a class; of all images it finds nine of ten trucks."""
    for folder in sorted(path for path in (real_pictures / "flowers").iterdir() if path.is_dir()):
        (tmp_path / "flowers" / folder.name).mkdir(parents=True)
        for file in sorted(folder.glob("*.jpg"))[::8][:60]:
            shutil.copy(file, tmp_path / "flowers" / folder.name)
    model = eb.train(tmp_path / "flowers", tmp_path / "run").classifier
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    blank = [np.full((224, 224, 3), grey, np.uint8) for grey in (255, 128, 0)]
    assert [model.predict(picture).label for picture in (noise, *blank)] == [None] * 4
    trucks = sorted((real_pictures / "cifar10/test/truck").iterdir())[:20]
    faces = sorted((real_pictures / "faces").glob("*/*"))[::20]
    for pictures, least in ((trucks, 0.5), (faces, 0.9)):
        assert np.mean([model.predict(picture).label is None for picture in pictures]) >= least
    flowers = sorted((real_pictures / "flowers").glob("*/*.jpg"))[3::50]
    assert np.mean([model.predict(picture).label is not None for picture in flowers]) >= 0.85
