"""What a training starts from: a network, weights, how images are resized, and a trained model."""

import csv
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

import eyebright as eb
from eyebright.data.prepare import prepare
from eyebright.network import BatchNorm, Conv2d, Flatten, Input, Linear, Network, initial_weights, zoo
from eyebright.network.zoo.catalog import named_network
from eyebright.runs.request import Request
from eyebright.runs.resume import resume
from eyebright.runs.start import Start, choose_resize, mirrored_by_evidence, read_source, start_from, start_named
from eyebright.system import cache, files
from eyebright.system.errors import DataError, EyebrightError, ModelError, NetworkError, OutputError, SettingsError
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import MirroringChecked, PrecisionChosen

STILL = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-9, "warmup_epochs": 0}  # the weights hardly change


def quiet(event: Event) -> None:
    """Receives events, and does nothing."""


# A network by its name, its file or itself


@pytest.fixture
def dataset(pictures) -> eb.Dataset:
    """Images of 24 x 20 pixels in three classes."""
    return eb.Dataset.open(pictures)


def start_with(dataset: eb.Dataset, own: Network | None = None, **options: object) -> Start:
    return start_named(dataset, Request().changed(**options), quiet, own)


def test_a_named_network_takes_the_size_of_typical_images_and_initial_weights(dataset):
    start = start_with(dataset, network="flowers_cnn", seed=5)
    assert start.network == zoo.flowers_cnn(3, input_size=24)
    expected = initial_weights(start.network, seed=5)
    assert all(np.array_equal(start.weights[name], value) for name, value in expected.items())
    assert (start.name, start.keep, start.settings) == ("flowers_cnn", False, eb.Settings(seed=5))
    assert start.preparation("pad") == eb.Preparation(width=24, height=24, fit="pad")


@pytest.mark.parametrize(("side", "size"), [(8, 24), (24, 24), (100, 100), (180, 180), (400, 180)])
def test_the_size_for_a_named_network_is_bounded(side, size):
    images = np.zeros((4, side, side, 3), np.uint8)
    dataset = eb.Dataset.from_arrays(images, ["a", "b"] * 2)
    assert start_with(dataset, network="mlp").network.input_shape == (3, size, size)
    assert start_with(dataset, network="mlp", size=30).network.input_shape == (3, 30, 30)


def test_a_network_may_be_given_as_a_file_of_any_name_or_as_itself(dataset, tmp_path, monkeypatch):
    network = zoo.mlp(3, input_size=12)
    (tmp_path / "net").write_text(network.to_json())
    monkeypatch.chdir(tmp_path)
    assert start_with(dataset, network=str(tmp_path / "net")).network == network
    assert start_with(dataset, network="net", size=12).network == network
    assert start_with(dataset, network, network="network.json").network == network


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "flower_cnn"}, "did you mean 'flowers_cnn'"),
        ({"network": "missing.json"}, "missing.json"),
        ({"network": "net", "size": 32}, "size = 32 and network = net contradict each other: .* 12x12; leave out"),
        ({"network": "other.json"}, "7"),  # outputs, for 3 classes
        ({"network": "flowers_cnn", "size": 4}, "input"),
        ({"network": "flowers_cnn", "size": 0}, "0"),
        ({"network": "flowers_cnn", "size": 24, "frozen": ("conv_9",)}, "'conv_9'.*did you mean 'conv_"),
        ({"network": "flowers_cnn", "weights": "nowhere.safetensors"}, r"nowhere\.safetensors"),
        ({"network": "flowers_cnn", "weights": "published"}, "flowers_cnn"),
        ({"network": "net", "weights": "published"}, "net"),
        ({"network": "flowers_cnn", "size": 24, "weights": "small.safetensors"}, r"conv_1\.weight: .*\(8, 3, 3, 3\)"),
        ({"network": "flowers_cnn", "weights": "net"}, "net"),
    ],
)
def test_networks_and_weights_that_do_not_fit_are_named(options, words, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").write_text(zoo.mlp(3, input_size=12).to_json())
    (tmp_path / "other.json").write_text(zoo.mlp(7, input_size=12).to_json())
    weights = initial_weights(zoo.flowers_cnn(3, input_size=24)) | {"conv_1.weight": np.zeros((8, 3, 3, 3), np.float32)}
    save_file(weights, tmp_path / "small.safetensors")
    with pytest.raises(EyebrightError, match=words):
        start_with(dataset, **options)


@pytest.mark.parametrize("given", ["weights", "weights.safetensors"])
def test_weights_come_from_a_file_and_the_run_must_keep_them(given, dataset, tmp_path):
    weights = initial_weights(zoo.mlp(3, input_size=12), seed=77)
    save_file(weights, tmp_path / "weights.safetensors")
    start = start_with(dataset, network="mlp", size=12, weights=str(tmp_path / given))
    assert start.keep and all(np.array_equal(start.weights[name], value) for name, value in weights.items())


def test_weights_for_other_classes_get_a_new_last_layer(dataset, tmp_path):
    weights = {name: value + 1 for name, value in initial_weights(zoo.mlp(7, input_size=12)).items()}
    save_file(weights, tmp_path / "seven.safetensors")
    start = start_with(dataset, network="mlp", size=12, weights=str(tmp_path / "seven.safetensors"), seed=4)
    first, last = (name for name, place in start.network.places.items() if place.parameters)
    assert np.array_equal(start.weights[f"{first}.weight"], weights[f"{first}.weight"])
    assert np.array_equal(start.weights[f"{last}.weight"], initial_weights(start.network, 4)[f"{last}.weight"])


def test_published_weights_are_used_at_their_size_and_need_not_be_kept(dataset, monkeypatch):
    """flowers_cnn stands for a published network; its file is in the cache, where a download would put it."""
    weights = {name: values + 1 for name, values in initial_weights(zoo.flowers_cnn(5, input_size=20)).items()}
    monkeypatch.setitem(zoo.WEIGHTS, "flowers_cnn", zoo.Published("flowers-0123abcd.pth"))
    monkeypatch.setitem(zoo.NETWORKS, "flowers_cnn", named_network("flowers_cnn")._replace(input_size=20))
    cache.keep(files.cache_folder("weights") / "flowers-0123abcd.weights", save(weights))
    start = start_with(dataset, network="flowers_cnn", weights="published")
    assert start.network.input_shape == (3, 20, 20) and not start.keep
    assert np.array_equal(start.weights["conv_3.weight"], weights["conv_3.weight"])
    assert start_with(dataset, network="flowers_cnn", weights="published", size=16).network.input_shape == (3, 16, 16)


# How images are resized and mirrored


def test_wide_images_are_padded_where_cropping_would_lose_much(dataset):
    wide = eb.Dataset.from_arrays(np.random.default_rng(0).integers(0, 256, (8, 20, 70, 3), np.uint8), ["a", "b"] * 4)
    chosen = choose_resize(wide, "auto")
    assert chosen.fit == "pad" and chosen.lost == pytest.approx(1 - 20 / 70, abs=0.05)
    assert choose_resize(wide, "crop") == type(chosen)(fit="crop", lost=chosen.lost)
    assert choose_resize(dataset, "auto").fit == "crop"
    as_wide = Network(start := Input((3, 20, 70))(), Linear(2)(Flatten()(start)))
    assert choose_resize(wide, "auto", as_wide).fit == "crop"  # nothing is lost for this network


def test_images_are_mirrored_only_if_that_does_no_harm():
    """A bright left half is one class, a bright right half the other: a mirrored image shows the other class."""
    random, labels = np.random.default_rng(0), np.arange(120) % 2
    images = random.integers(0, 60, (120, 16, 16, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, :8] += np.uint8(120 * (1 - label))
        image[:, 8:] += np.uint8(120 * label)
    colours = random.integers(0, 60, (120, 16, 16, 3), np.uint8)
    colours[np.arange(120), ..., labels] += np.uint8(120)
    for pixels, same in ((images, False), (colours, True)):
        dataset, events = eb.Dataset.from_arrays(pixels, labels.astype(str).tolist()), []
        prepared = prepare(dataset, eb.Preparation(width=16, height=16))
        settings = mirrored_by_evidence(prepared, eb.Settings(), events.append)
        assert settings == eb.Settings(flip=same)
        assert [event.same for event in events if isinstance(event, MirroringChecked)] == [same]
        off = eb.Settings(flip=False)
        assert mirrored_by_evidence(prepared, off, lambda event: pytest.fail("it was off")) == off


# A trained model


@pytest.fixture
def model(make_folder, pictures, train_mlp, made_once, tmp_path) -> Path:
    """A finished run on `pictures` whose model knows blue, green and red."""
    made_once(
        "stretched",
        lambda place: train_mlp(make_folder(place / "pictures"), place / "old", epochs=2, resize="stretch"),
    )
    return tmp_path / "old"


def rows(run: Path, *columns: str) -> list[tuple[str, ...]]:
    with (run / "split.csv").open(newline="") as file:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(file)]


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model" / "weights.safetensors")


def test_network_size_and_preparation_are_those_of_the_model(make_folder, model, tmp_path):
    pictures = make_folder("more", count=26)  # ten of each class are new
    result = eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(**STILL))
    assert result.classifier.network == eb.load(model).network
    assert result.classifier.preparation == eb.load(model).preparation
    before, after = weights_of(model), weights_of(tmp_path / "run")
    assert all(np.allclose(before[name], after[name], atol=1e-4) for name in before)


def test_classes_of_the_same_name_keep_their_rows_in_any_order(model, tmp_path):
    source = read_source(model)
    assert source.card.classes == ("blue", "green", "red")
    start = start_from(source, ("red", "amber", "blue", "cyan"), eb.Settings(seed=5))
    network, weights, fresh = start.network, start.weights, initial_weights(start.network, 5)
    head = [name.rpartition(".")[0] for name in network.tensors][-1]
    for tensor in ("weight", "bias"):
        old, new, initial = (given[f"{head}.{tensor}"] for given in (source.weights, weights, fresh))
        assert np.array_equal(new[[0, 2]], old[[2, 0]])
        assert np.array_equal(new[[1, 3]], initial[[1, 3]])
    assert all(np.array_equal(weights[name], source.weights[name]) for name in weights if not name.startswith(head))


def test_a_model_is_trained_on_other_classes(make_folder, model, tmp_path):
    pictures = make_folder("new", classes=("green", "violet"), count=20)
    result = eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(epochs=4, batch_size=8))
    assert result.classifier.classes == ("green", "violet")
    assert eb.load(tmp_path / "run").classes == ("green", "violet")
    assert result.test.pictures > 0


def test_images_that_the_model_was_trained_on_stay_in_the_training_set(make_folder, model, pictures, tmp_path):
    for path in make_folder("more", count=40).rglob("*.png"):
        if int(path.stem) >= 16:  # the others are in both folders
            path.rename(pictures / path.parent.name / path.name)
    seen = eb.load(model).seen
    result = eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(**STILL))
    found = rows(tmp_path / "run", "split", "digest")
    known = [side for side, digest in found if seen.contains([bytes.fromhex(digest)])[0]]
    assert set(known) == {"train"} and len(known) == 42  # 36 and 6 of 48
    new = [side for side, digest in found if not seen.contains([bytes.fromhex(digest)])[0]]
    assert new.count("test") == pytest.approx(0.15 * len(new), abs=3)
    assert new.count("train") > new.count("validation") > 0
    assert result.test.seen == 0
    assert result.classifier.seen.contains([bytes.fromhex(digest) for side, digest in found if side != "test"]).all()


def test_too_few_new_images_are_refused(model, pictures, tmp_path):
    with pytest.raises(DataError, match=r"class 'blue'"):
        eb.train(pictures, tmp_path / "run", start_from=model)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kept", [True, False])
def test_a_training_that_spoils_a_model_of_the_same_classes_keeps_its_weights_unless_it_may_not(
    make_folder, model, tmp_path, kept
):
    pictures = make_folder("more", count=30)
    asked = {} if kept else {"keep_start_if_better": False}
    spoiling = {"learning_rate": 0.1, "weight_decay": 10.0, "label_smoothing": 0.9}
    eb.train(pictures, tmp_path / "run", start_from=model, epochs=1, batch_size=8, **spoiling, **asked)
    before, after = weights_of(model), weights_of(tmp_path / "run")
    assert all(np.array_equal(value, after[name]) for name, value in before.items()) == kept


def test_the_own_split_of_the_model_keeps_its_test_set(model, pictures, tmp_path):
    settings = eb.Settings(**STILL)
    result = eb.train(pictures, tmp_path / "run", start_from=model, split=model / "split.csv", settings=settings)
    assert rows(tmp_path / "run", "name", "split") == rows(model, "name", "split")
    assert (result.test.pictures, result.test.seen) == (6, 0)


def test_in_a_given_test_set_only_new_images_count(model, pictures, tmp_path):
    """The first test image becomes a training image and the other way round; then training and test set are swapped."""
    turned = {"test": "train", "train": "test", "validation": "validation"}
    lines = rows(model, "name", "split")
    swapped = [next(name for name, side in lines if side == wanted) for wanted in ("test", "train")]
    for chosen, words in (
        (swapped, None),
        ([name for name, _ in lines], r"was trained on all 36 images of the test set"),
    ):
        text = "\n".join(f"{name},{turned[side] if name in chosen else side}" for name, side in lines)
        (tmp_path / "split.csv").write_text(f"name,split\n{text}\n")
        if words is None:
            result = eb.train(
                pictures, tmp_path / "run", start_from=model, split=tmp_path / "split.csv",
                settings=eb.Settings(**STILL),
            )  # fmt: skip
            assert (result.test.pictures, result.test.seen) == (5, 1)
        else:
            with pytest.raises(DataError, match=words):
                eb.train(pictures, tmp_path / "other", start_from=model, split=tmp_path / "split.csv")


def test_a_killed_run_from_a_model_continues_to_the_same_weights(make_folder, model, killed, tmp_path):
    pictures = make_folder("more", classes=("blue", "green", "violet"), count=30)
    settings = eb.Settings(epochs=3, batch_size=8, learning_rate=3e-3)
    whole = eb.train(pictures, tmp_path / "whole", start_from=model, settings=settings)
    for name, epoch in (("early", 1), ("late", 2)):
        killed(eb.train, pictures, tmp_path / name, start_from=model, settings=settings, at_epoch=epoch)
        result = resume(tmp_path / name)
        assert all(
            np.array_equal(v, result.classifier.get_weights()[k]) for k, v in weights_of(tmp_path / "whole").items()
        )
        assert result.classifier.seen == whole.classifier.seen


def test_a_model_that_changed_before_the_first_checkpoint_is_noticed(make_folder, model, tmp_path):
    def stop(event: Event) -> None:
        if isinstance(event, PrecisionChosen):
            raise RuntimeError("killed")

    pictures = make_folder("more", count=30)
    with pytest.raises(RuntimeError, match="killed"):
        eb.train(pictures, tmp_path / "run", start_from=model, callbacks=[stop])
    eb.train(pictures, model, network=eb.zoo.mlp(3, input_size=8), settings=eb.Settings(**STILL), overwrite=True)
    with pytest.raises(ModelError, match=r"has changed since the run that started from it"):
        resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "published"}, r"from = .*old and weights = published: use only one of them"),
        ({"size": 16}, r"from = .*old and size = 16 contradict each other: .* 8x8"),
        ({"resize": "pad"}, r"from = .*old and resize = pad contradict each other: .* stretch"),
        ({"network": "flowers_cnn"}, r"from = .*old and network = flowers_cnn contradict each other"),
        ({"network": eb.zoo.mlp(3, input_size=12)}, r"the network that is given contradict"),
    ],
)
def test_options_that_contradict_the_model_are_named_with_it(options, words, model, pictures, tmp_path):
    with pytest.raises(SettingsError, match=words):
        eb.train(pictures, tmp_path / "run", start_from=model, **options)
    assert not (tmp_path / "run").exists()


def test_options_that_agree_with_the_model_are_accepted(make_folder, model, tmp_path):
    pictures = make_folder("more", classes=("blue", "violet"), count=30)
    agreed = {"network": eb.zoo.mlp(2, input_size=8), "size": 8, "resize": "stretch"}
    eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(**STILL), **agreed)


def test_a_network_without_a_plain_last_layer_keeps_its_classes(model):
    pictures = Input((3, 8, 8))()
    network = Network(pictures, BatchNorm()(Linear(3)(Flatten()(Conv2d(2, 3)(pictures)))))
    source = read_source(model)._replace(network=network, weights=initial_weights(network))
    assert start_from(source, ("blue", "green", "red"), eb.Settings()).network == network
    with pytest.raises(NetworkError, match="must end with a Linear or a Conv2d"):
        start_from(source, ("blue", "green"), eb.Settings())


def test_a_model_that_does_not_exist_is_refused(pictures, tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        eb.train(pictures, tmp_path / "run", start_from=tmp_path / "nothing")
    assert not (tmp_path / "run").exists()


def test_the_model_to_start_from_is_not_replaced_by_the_new_run(pictures, tmp_path):
    eb.train(pictures, tmp_path / "run", network=eb.zoo.mlp(3, input_size=8), settings=eb.Settings(epochs=1))
    with pytest.raises(OutputError, match=r"the model to start from, .*run, is inside .*run: use another output"):
        eb.train(pictures, tmp_path / "run", start_from=tmp_path / "run", epochs=1, overwrite=True)
    assert eb.Classifier.load(tmp_path / "run")
