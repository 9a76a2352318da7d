"""The same pictures give the same model in whatever order they are listed, also where the network is chosen."""

import numpy as np
from PIL import Image

from eyebright import Classifier, Dataset
from eyebright.network import zoo
from eyebright.runs.auto import choose
from eyebright.runs.request import Request


def test_the_chosen_head_does_not_depend_on_how_pictures_are_listed():
    random = np.random.default_rng(7)
    images = random.integers(0, 256, (36, 20, 24, 3), np.uint8)
    images[1] = images[4] = images[0]  # a group
    names = np.array(["blue", "green", "red"])[np.arange(36) % 3]
    names[[1, 4]] = names[0]
    chosen = []
    for order in (np.arange(36), np.arange(36)[::-1], random.permutation(36)):
        dataset = Dataset.from_arrays(images[order], names[order])
        start, _ = choose(dataset, "crop", Request(size=64), lambda event: None, started_at=0.0)
        chosen.append(start.weights)
    for other in chosen[1:]:
        assert all(np.array_equal(chosen[0][name], other[name]) for name in other)


def test_twelve_numbered_classes_give_one_model_whichever_way_they_come(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (60, 8, 8), np.uint8)
    labels = np.arange(60, dtype=np.uint8) % 12
    for number, (picture, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        (tmp_path / "folder" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "folder" / str(label) / f"{number}.png")
    (tmp_path / "idx").mkdir()
    for name, values in (("images-idx3", pixels), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
        (tmp_path / "idx" / f"{name}-ubyte").write_bytes(head + values.tobytes())
    np.savez(tmp_path / "arrays.npz", images=pixels, labels=labels)
    lines = [f"folder/{label}/{number}.png,{label}" for number, label in enumerate(labels.tolist())]
    (tmp_path / "table.csv").write_text("\n".join(["path,class", *lines]))
    ways = [Dataset.open(tmp_path / name) for name in ("folder", "idx", "arrays.npz", "table.csv")]
    ways += [
        Dataset.from_arrays(pixels, labels),
        Dataset.from_arrays(pixels, [str(label) for label in labels.tolist()]),
    ]
    models = []
    for dataset in ways:
        model = Classifier(zoo.mlp(12, input_size=8), classes=dataset.classes)
        model.fit(dataset, epochs=1, batch_size=16, precision="float32")
        models.append((dataset.classes, model.get_weights()))
    for classes, weights in models:
        assert classes == ("0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9")
        assert all(np.array_equal(models[0][1][name], weights[name]) for name in models[0][1])


def test_large_jpegs_and_an_array_of_their_pixels_give_one_model(tmp_path):
    random = np.random.default_rng(5)
    pixels, labels = [], np.array(["day", "night"])[np.arange(16) % 2]
    for number, label in enumerate(labels.tolist()):
        coarse = random.integers(0, 160, (60, 50, 3)) + (90 if label == "day" else 0)
        picture = Image.fromarray(coarse.astype(np.uint8)).resize((1_100, 1_200))
        (tmp_path / "folder" / label).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "folder" / label / f"{number}.jpg", quality=80)
        pixels.append(np.asarray(Image.open(tmp_path / "folder" / label / f"{number}.jpg")))
    np.savez(tmp_path / "arrays.npz", images=np.stack(pixels), labels=labels)
    models = []
    for name in ("folder", "arrays.npz"):
        dataset = Dataset.open(tmp_path / name)
        model = Classifier(zoo.mlp(2, input_size=16), classes=dataset.classes)
        model.fit(dataset, epochs=1, batch_size=8, precision="float32")
        models.append(model.get_weights())
    assert all(np.array_equal(models[0][name], models[1][name]) for name in models[0])
