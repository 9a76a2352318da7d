import copy
import json
from collections import namedtuple
from pathlib import Path

import numpy as np
import onnx.reference
import pytest
import torch
from PIL import Image

import eyebright as eb
from eyebright.data.pictures import PRINT
from eyebright.network import Flatten, Input, Linear, Network, Normalize, ReLU, Softmax
from eyebright.system.errors import DataError, ModelError, NetworkError, PictureError
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import VerdictReached
from eyebright.training.events.starting import Streaming

QUICK = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3}


@pytest.fixture
def pictures(make_folder) -> eb.Dataset:
    return eb.Dataset.from_folder(make_folder(), seed=1)


@pytest.fixture(scope="module")
def trained() -> list[eb.Classifier]:
    """The model, when it was trained."""
    return []


@pytest.fixture
def model(pictures, trained) -> eb.Classifier:
    """A copy of a model that was trained on these images."""
    if not trained:
        trained.append(eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes))
        trained[0].fit(pictures, **QUICK)
    return copy.copy(trained[0])  # what changes a model replaces its parts


def test_the_ten_lines_of_the_readme(make_folder, tmp_path):
    pictures = eb.Dataset.from_folder(make_folder(), seed=123)
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    history = model.fit(pictures, epochs=2)
    assert len(history.loss) == 2
    assert 0 <= model.evaluate(pictures.test).accuracy <= 1
    answer = model.predict(str(tmp_path / "pictures" / "red" / "000.png"))
    assert answer.label in pictures.classes
    model.save(tmp_path / "model")
    again = eb.load(tmp_path / "model").predict(str(tmp_path / "pictures" / "red" / "000.png"))
    assert again.probabilities == answer.probabilities


def test_arrays_do_as_well_as_folders(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = (random.integers(0, 100, (60, 14, 14)) + labels[:, None, None] * 120).astype(np.uint8)
    pictures = eb.Dataset.from_arrays(images, labels, ["dark", "bright"])
    model = eb.Classifier(eb.zoo.mlp(2, input_size=14), classes=pictures.classes)
    model.fit(pictures, epochs=8)
    assert model.evaluate(pictures.test).accuracy == 1
    assert model.predict(images[1]).label == "bright"


def test_a_grey_network_trains_evaluates_and_comes_back(tmp_path):
    """The network of the course's Fashion-MNIST: 784 x 128 + 128 + 128 x 10 + 10 weights."""
    network = Network.sequential(
        Input((1, 28, 28)), Normalize(0, 255), Flatten(), Linear(128, initializer="he_normal"), ReLU(), Linear(10)
    )
    random, labels = np.random.default_rng(0), np.arange(80) % 10
    images = random.integers(0, 256, (80, 28, 28), np.uint8)
    images[np.arange(80), labels * 2] = 255  # a line at the height of the class
    pictures = eb.Dataset.from_arrays(images, labels)
    model = eb.Classifier(network, classes=pictures.classes)
    assert network.parameter_count == 101_770
    model.fit(pictures, epochs=1)
    assert model.evaluate(pictures.test).pictures
    model.save(tmp_path / "model")
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["preparation"] == {"width": 28, "height": 28, "fit": "crop", "channels": 1}
    answers = model.predictor.probabilities(images[:5, :, :, None])
    session = onnx.reference.ReferenceEvaluator(str(tmp_path / "model" / "network.onnx"))
    np.testing.assert_allclose(session.run(None, {"pictures": images[:5, :, :, None]})[0], answers, atol=1e-5)
    assert eb.load(tmp_path / "model").predict(images[3]) == model.predict(images[3])


@pytest.fixture(scope="module")
def clothes() -> tuple[np.ndarray, np.ndarray]:
    """Grey images of eleven classes that differ in the height of a line; labels are numbers."""
    random, labels = np.random.default_rng(0), np.arange(132) % 11
    images = random.integers(0, 100, (132, 14, 14), np.uint8)
    images[np.arange(132), labels] = 255
    return images, labels


def test_the_course_s_way_with_arrays(clothes):
    """model.fit(train_images, train_labels, epochs=10), evaluate, predict, argmax, and the curves of the history."""
    images, labels = clothes
    network = Network.sequential(Input((1, 14, 14)), Normalize(0, 255), Flatten(), Linear(32), ReLU(), Linear(11))
    model = eb.Classifier(network, classes=[f"kind {number}" for number in range(11)])
    history = model.fit(images[:110], labels[:110], epochs=40, flip=False, rotation=0, zoom=0, verbose=0)
    assert history.history.keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.history["val_accuracy"] == list(history.validation_accuracy)
    loss, accuracy = model.evaluate(images[110:], labels[110:], verbose=2)
    predictions = model.predict(images[110:])
    assert predictions.shape == (22, 11)
    assert accuracy == np.mean(predictions.argmax(axis=1) == labels[110:]) > 0.5
    assert loss == pytest.approx(-np.log(predictions[np.arange(22), labels[110:]]).mean(), rel=1e-3)
    assert model.score(images[110:], np.eye(11)[labels[110:]]) == accuracy
    alone = model.predict(np.expand_dims(images[1], 0))
    assert alone.shape == (1, 11) and model.classes_[alone[0].argmax()] == model.predict(images[1]).label


def test_every_form_of_a_batch_gives_the_same_probabilities(model):
    batch = np.random.default_rng(0).integers(0, 256, (40, 20, 24, 3), np.uint8)
    expected = np.array([[answer.probabilities[name] for name in model.classes] for answer in model.predict([*batch])])
    for given in (batch, batch / 255, np.moveaxis(batch, -1, 1), torch.from_numpy(batch)):
        np.testing.assert_allclose(model.predict(given), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict_proba(given), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba([Image.fromarray(image) for image in batch]), expected, atol=1e-6)
    assert model.predict(batch[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: model.predict(None), "expected the path or the bytes of a file, .* got None"),
        (lambda model: model.predict(np.zeros((2, 20, 20, 3)) - 0.5), r"write \(\(images \+ 1\) \* 127\.5\)"),
        (lambda model: model.compile(optimizer="adam", metrics=["accuracy"]), r"model\.fit\(pictures, epochs=15, opt"),
        (lambda model: model.fit("flowers", class_weight={0: 2}), "write class_weights='balanced'"),
        (lambda model: model.fit("flowers"), r"got a str: for a folder"),
        (lambda model: model.evaluate("flowers"), r"got a str: for a folder"),
    ],
)
def test_habits_are_answered_with_what_to_write(model, call, words):
    with pytest.raises(eb.EyebrightError, match=words):
        call(model)


def test_predictions_on_files_bytes_arrays_and_lists_agree(model, tmp_path):
    path = tmp_path / "pictures" / "blue" / "002.png"
    with path.open("rb") as file:
        answers = [model.predict(source) for source in (str(path), path, path.read_bytes(), file)]
    answers += model.predict([path, str(path)])
    assert {tuple(answer.probabilities.items()) for answer in answers} == {tuple(answers[0].probabilities.items())}


def test_a_picture_that_cannot_be_opened_is_an_error(model, tmp_path):
    with pytest.raises(PictureError, match="file not found"):
        model.predict(tmp_path / "nothing.png")


def test_training_and_validation_set_are_evaluated_whole_when_asked_for(model, pictures):
    assert model.evaluate(pictures.train).pictures == 36
    assert model.evaluate(pictures.validation).pictures == 6


def test_weights_go_out_and_in(model, tmp_path):
    path = tmp_path / "pictures" / "red" / "000.png"
    other = eb.Classifier(model.network, model.classes, seed=9)
    before = other.predict(path).probabilities
    other.set_weights(model.get_weights())
    other.learned = model.learned
    assert other.predict(path).probabilities == model.predict(path).probabilities != before


def test_weights_of_another_network_are_refused_and_nothing_changes(model):
    before = model.get_weights()
    wrong = dict(before) | {"conv_1.weight": np.zeros((1, 2, 3, 4), np.float32)}
    wrong.pop("dense_2.bias")
    words = r"missing \(dense_2\.bias\).*conv_1\.weight: expected \(16, 3, 3, 3\), got \(1, 2, 3, 4\)"
    with pytest.raises(NetworkError, match=words):
        model.set_weights(wrong)
    assert all(np.array_equal(before[name], values) for name, values in model.get_weights().items())


def test_a_network_for_another_number_of_classes_is_refused():
    with pytest.raises(NetworkError, match=r"there are 2 classes: end it with Linear\(2\), or .*num_classes=2"):
        eb.Classifier(eb.zoo.flowers_cnn(5), classes=["a", "b"])


def test_a_network_on_vectors_is_no_classifier_of_pictures():
    layers = eb.network
    network = layers.Network.sequential(layers.Input((32,)), layers.Linear(2))
    with pytest.raises(
        NetworkError, match=r"images \(3, height, width\), or grey ones \(1, height, width\), got \(32,\)"
    ):
        eb.Classifier(network, classes=["a", "b"])


def test_classes_in_another_order_mean_the_same(model, pictures, tmp_path):
    turned = eb.Classifier(model.network, tuple(reversed(model.classes)))
    turned.fit(pictures, **QUICK)
    assert turned.evaluate(pictures.test).accuracy >= 0.5


def test_pictures_of_an_unknown_class_are_refused(model, make_folder):
    with pytest.raises(DataError, match=r"does not know: violet; .*model are blue, green, red: leave out"):
        model.evaluate(eb.Dataset.from_folder(make_folder("more", classes=("red", "violet"))))


def test_the_summary_shows_every_layer_and_adds_up(model):
    text = model.summary()
    assert all(any(line.split()[:1] == [name] for line in text.splitlines()) for name in model.network.places)
    # 3x3 kernels to 16, 32 and 64 channels; 64 channels of 2x2 to 128 neurons, those to 3 logits
    learned = 16 * (27 + 1) + 32 * (144 + 1) + 64 * (288 + 1) + 128 * (256 + 1) + 3 * (128 + 1)
    assert f"{learned:,} parameters" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_one_layers_weights_go_to_another_model_and_the_answers_follow(model, tmp_path):
    path = tmp_path / "pictures" / "red" / "000.png"
    one, other = (eb.Classifier(model.network, model.classes, seed=seed) for seed in (8, 9))
    before = other.predict(path).probabilities
    for name in ("conv_1", "conv_2", "conv_3", "dense_1", "dense_2"):
        assert other.predict(path).probabilities != one.predict(path).probabilities
        other.layer(name).set_weights(one.layer(name).get_weights())
    assert other.predict(path).probabilities == one.predict(path).probabilities != before


def test_what_was_found_out_about_weights_does_not_outlive_them(model):
    other = eb.Classifier(model.network, model.classes, seed=9)
    other.learned = model.learned
    assert other.metrics and other.history.validation_accuracy
    other.set_weights(other.get_weights())
    assert other.calibration.temperature == 1
    assert not other.metrics and not other.history.validation_accuracy


def test_weights_alone_go_through_a_file(model, tmp_path):
    path = tmp_path / "pictures" / "blue" / "001.png"
    model.save_weights(tmp_path / "ckpt")
    other = eb.Classifier(eb.Network.from_json(model.network.to_json()), model.classes, seed=9)
    other.load_weights(tmp_path / "ckpt").assert_consumed()
    other.learned = model.learned
    assert other.predict(path).probabilities == model.predict(path).probabilities


def test_a_classifier_can_start_from_weights(model):
    again = eb.Classifier(model.network, model.classes, weights=model.get_weights())
    assert all(np.array_equal(values, again.get_weights()[name]) for name, values in model.get_weights().items())
    with pytest.raises(NetworkError, match=r"missing .*dense_2\.bias"):
        eb.Classifier(model.network, model.classes, weights={})


def test_a_loaded_classifier_takes_other_weights_too(model, tmp_path):
    path = tmp_path / "pictures" / "red" / "000.png"
    model.save(tmp_path / "model")
    again = eb.load(tmp_path / "model")
    before = again.predict(path).probabilities
    again.layer("dense_2").set_weights({"weight": np.zeros((3, 128)), "bias": np.zeros(3)})
    assert before != again.predict(path).probabilities == dict.fromkeys(model.classes, pytest.approx(1 / 3))


def test_nothing_is_written_into_the_folder_of_pictures(make_folder, tmp_path):
    folder = make_folder()

    def state() -> list[tuple[Path, float, bytes]]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]

    before = state()
    result = eb.train(folder, tmp_path / "run", settings=eb.Settings(**QUICK), network="flowers_cnn", size=16)
    result.classifier.predict(folder / "red" / "000.png")
    assert state() == before


def test_training_twice_on_the_same_pictures_elsewhere_gives_the_same_weights(make_folder, tmp_path):
    """Another folder, other file names, another format: the same content is the same training."""
    from PIL import Image

    folder = make_folder()
    for index, path in enumerate(sorted(folder.glob("*/*.png"), reverse=True)):
        target = tmp_path / "moved" / path.parent.name / f"{index}.bmp"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            picture.save(target)
    weights = []
    for place in (folder, tmp_path / "moved"):
        pictures = eb.Dataset.from_folder(place, seed=4)
        model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes, seed=4)
        model.fit(pictures, **QUICK)
        weights.append(model.get_weights())
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_was_seen_in_an_earlier_training_stays_seen(model, pictures):
    again = eb.Dataset(pictures.source, pictures.classes, pictures.labels, seed=4)
    model.fit(again, **QUICK)
    tested = [set(model.prepare(dataset).indices("test")) for dataset in (pictures, again)]
    never_seen = tested[0] & tested[1]
    assert 0 < len(never_seen) < len(tested[0])
    for part in (pictures, pictures.test, again.test):
        assert model.evaluate(part).pictures == len(never_seen)


def test_callbacks_may_come_from_a_generator(pictures):
    events: list[object] = []
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    model.fit(pictures, **QUICK, callbacks=(receiver for receiver in [events.append]))
    assert sum(isinstance(event, EpochEnded) for event in events) == 3


def test_settings_of_the_training_travel_with_the_model(model, tmp_path):
    model.save(tmp_path / "model")
    assert eb.load(tmp_path / "model").settings == model.settings
    assert model.settings.epochs == QUICK["epochs"]


def test_a_network_that_ends_with_a_softmax_is_refused():
    network = eb.Network.sequential(Input((3, 8, 8)), Flatten(), Linear(2), Softmax(name="shares"))
    with pytest.raises(NetworkError, match="ends with the Softmax 'shares': remove it"):
        eb.Classifier(network, classes=["a", "b"])


def test_two_classes_of_one_name_are_refused_at_once():
    with pytest.raises(NetworkError, match="two classes have the same name in a, b, a"):
        eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=["a", "b", "a"])


def test_prepared_images_are_evaluated_on_their_test_set(model, pictures):
    """The same number as for `pictures.test`, and the same as counting correct predictions one by one."""
    prepared = model.prepare(pictures)
    found = model.evaluate(prepared)
    assert found == model.evaluate(pictures.test)
    names = pictures.source.names
    indices = prepared.indices("test")
    answers = model.predict([pictures.source.open(index) for index in indices.tolist()])
    correct = [answer.best == names[index].split("/")[0] for answer, index in zip(answers, indices, strict=True)]
    assert (found.pictures, found.accuracy) == (len(indices), pytest.approx(np.mean(correct)))
    assert (found.seen, found.left_out) == (0, 0)


def test_of_a_whole_data_set_only_images_that_are_new_count(model, pictures, make_folder):
    tested = len(model.prepare(pictures).indices("test"))
    found = model.evaluate(pictures)
    assert (found.pictures, found.seen) == (tested, len(pictures) - tested)
    folder = make_folder("more", count=20)  # its images are others: one random stream draws them all
    (folder / "red" / "000.png").write_bytes(b"words")
    more = model.evaluate(eb.Dataset.from_folder(folder))
    assert more.left_out == 1 and more.pictures + more.seen == 59 and more.pictures >= 20


def test_images_that_were_all_trained_on_cannot_measure_a_model(model, pictures, tmp_path):
    prepared = model.prepare(pictures)
    others = [name for name, side in zip(pictures.source.names, prepared.sides, strict=True) if side != 0]
    trained_on = eb.Dataset.open(tmp_path / "pictures", exclude=others)
    with pytest.raises(DataError, match=r"was trained on all 36 images that can be opened"):
        model.evaluate(trained_on)


def test_groups_of_images_are_counted_in_an_evaluation(pictures):
    """Four images of one group each; the interval rests on groups, the accuracy on images."""
    groups = [f"group {index // 4}" for index in range(48)]
    grouped = eb.Dataset(pictures.source, pictures.classes, pictures.labels, groups=groups, validation=0.25, test=0.25)
    model = eb.Classifier(eb.zoo.mlp(3, input_size=8), classes=pictures.classes)
    whole, test = model.evaluate(grouped), model.evaluate(grouped.test)
    assert (whole.pictures, whole.groups) == (48, 12)
    assert (test.pictures, test.groups) == (12, 3)  # one group of each class
    assert model.evaluate(pictures).groups == 0


def test_a_loaded_model_knows_what_it_was_trained_on(model, pictures, tmp_path):
    model.save(tmp_path / "model")
    again = eb.load(tmp_path / "model")
    assert again.evaluate(pictures) == model.evaluate(pictures)
    assert again.evaluate(pictures).seen > 0
    assert (again.metrics, again.history, again.calibration) == (model.metrics, model.history, model.calibration)


def test_test_time_augmentation_is_the_mean_with_the_mirrored_image(model, pictures):
    prepared = model.prepare(pictures)
    indices = prepared.indices("test")
    pixels, labels = prepared.pack.read(indices), prepared.labels[indices]
    twice = [model.predictor.probabilities(np.ascontiguousarray(batch)) for batch in (pixels, pixels[:, :, ::-1])]
    expected = -np.log(np.mean(twice, axis=0)[np.arange(len(labels)), labels]).mean()
    assert model.evaluate(prepared, tta=True).loss == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(prepared).loss != pytest.approx(expected, rel=1e-5)


def test_the_temperature_and_the_metrics_are_of_the_validation_set(model, pictures):
    """The logits come from a graph of their own; the saved graph divides them by the temperature."""
    prepared = model.prepare(pictures)
    indices = prepared.indices("validation")
    probabilities = model.predictor.probabilities(prepared.pack.read(indices)).astype(float)
    labels = prepared.labels[indices]
    assert model.metrics["validation"].accuracy == (probabilities.argmax(axis=1) == labels).mean()
    expected = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    assert model.metrics["validation"].loss == pytest.approx(expected, rel=1e-4)
    assert model.evaluate(pictures.validation).loss == pytest.approx(expected, rel=1e-4)


def test_a_training_that_streams_its_images_ends_with_the_same_weights_and_says_so(pictures, own_cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = {"cache": 48 * (PRINT.itemsize + 32)}  # room for prints, keys, digests and checksums of 48 images
    monkeypatch.setattr(
        "shutil.disk_usage",
        lambda place: usage(0, 0, free["cache"] if str(place).startswith(str(own_cache)) else 10**12),
    )
    weights, events = {}, {}
    for name in ("streamed", "packed"):
        events[name] = []
        model = eb.Classifier(eb.zoo.mlp(3, input_size=24), classes=pictures.classes)
        model.fit(pictures, **QUICK, precision="float32", callbacks=[events[name].append])
        weights[name] = model.get_weights()
        free["cache"] = 10**9
    assert all(np.array_equal(weights["streamed"][name], values) for name, values in weights["packed"].items())
    streaming = [event for event in events["streamed"] if isinstance(event, Streaming)]
    assert [(event.pictures, event.size_bytes) for event in streaming] == [(48, 48 * 24 * 24 * 3)]
    assert not any(isinstance(event, Streaming) for event in events["packed"])


def test_fit_shows_what_the_command_shows_and_evaluate_nothing_that_stays(pictures, capsys):
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    model.fit(pictures, **QUICK)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Found 48 images in 3 classes: 36 for training, 6 for validation, 6 for testing."
    assert sum(line.split()[0].endswith("/3") for line in lines if line.strip()) == 3  # a row for each epoch
    accuracy = f"Validation accuracy {model.metrics['validation'].accuracy:.1%}"
    assert [line for line in lines if line.startswith(accuracy)]
    model.evaluate(pictures.test)
    assert capsys.readouterr() == ("", "")


def test_fit_is_silent_where_it_is_not_verbose_but_callbacks_are_called(pictures, capsys):
    events: list[object] = []
    model = eb.Classifier(eb.zoo.flowers_cnn(3, input_size=16), classes=pictures.classes)
    model.fit(pictures, **QUICK, verbose=False, callbacks=[events.append])
    model.evaluate(pictures.test, verbose=False, callbacks=[events.append])
    assert capsys.readouterr() == ("", "")
    assert any(isinstance(event, VerdictReached) for event in events)
    assert (events[-1].stage, events[-1].done, events[-1].of) == ("evaluating", 6, 6)


def test_a_classifier_shows_what_it_is_and_how_good(model, pictures):
    new = eb.Classifier(model.network, classes=pictures.classes)
    assert repr(new).splitlines() == [
        "Classifier of 3 classes",
        "classes  blue, green, red",
        f"network  16 layers, {model.network.parameter_count:,} parameters",
        "images   16x16 pixels, resize crop",
        "trained  no",
    ]
    best, found = model.history.best_epoch, model.metrics["validation"]
    assert f"3 epochs, the best is epoch {best}" in repr(model)
    assert f"validation accuracy  {found.accuracy:.1%} (" in repr(model)
    assert "blue, green, red</td>" in model._repr_html_()


@pytest.mark.parametrize("load", [eb.load, eb.Model.load])
def test_what_is_no_path_of_a_model_is_refused(load):
    with pytest.raises(ModelError, match=r"expected the folder of a model.*, got None"):
        load(None)
