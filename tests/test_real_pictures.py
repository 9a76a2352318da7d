"""The whole way on real pictures: one short epoch each, on what people really have in their folders."""

import json

import pytest

import eyebright as eb


@pytest.mark.parametrize(
    ("name", "classes", "pictures", "epochs"),  # unseen films of traffic signs take longer
    [
        ("flowers", 5, 4317, 1),
        ("cifar10", 10, 6000, 1),
        ("traffic_signs", 43, 1935, 16),
        ("fashion/folder", 10, 900, 1),
    ],
)
def test_trains_judges_and_answers(name, classes, pictures, epochs, real_pictures, tmp_path):
    dataset = eb.Dataset.from_folder(real_pictures / name)
    assert (len(dataset.classes), len(dataset)) == (classes, pictures)
    settings = eb.Settings(epochs=epochs, precision="float32")  # a measured precision would depend on the machine
    result = eb.train(dataset, tmp_path / "run", network="flowers_cnn", size=24, settings=settings)
    assert result.test.interval[0] > 1 / classes  # better than chance
    again = eb.load(tmp_path / "run")
    first = dataset.source.open(0)
    assert again.predict(first).probabilities == pytest.approx(result.classifier.predict(first).probabilities, abs=1e-5)
    assert json.loads((tmp_path / "run" / "model" / "model.json").read_text())["classes"] == list(dataset.classes)
