"""Starting from a finished model."""

import csv
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import eyebright as eb
from eyebright.network import BatchNorm, Conv2d, Flatten, Input, Linear, Network, initial_weights
from eyebright.runs.resume import resume
from eyebright.runs.start import read_source, start_from
from eyebright.system.errors import DataError, ModelError, NetworkError, OutputError, SettingsError
from eyebright.training.events import AnyEvent, PrecisionChosen

STILL = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-9, "warmup_epochs": 0}  # what is given stays as it is


@pytest.fixture
def model(pictures, train_mlp, tmp_path) -> Path:
    """The run of a finished model that tells blue, green and red."""
    train_mlp(pictures, tmp_path / "old", epochs=2, resize="stretch")
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


def test_classes_of_the_same_name_keep_their_rows_whatever_their_order(model, tmp_path):
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


def test_a_model_goes_on_to_other_classes(make_folder, model, tmp_path):
    pictures = make_folder("new", classes=("green", "violet"), count=20)
    result = eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(epochs=4, batch_size=8))
    assert result.classifier.classes == ("green", "violet")
    assert eb.load(tmp_path / "run").classes == ("green", "violet")
    assert result.test.pictures > 0


def test_pictures_that_the_model_has_seen_are_only_trained_on(make_folder, model, pictures, tmp_path):
    for path in make_folder("more", count=40).rglob("*.png"):
        if int(path.stem) >= 16:  # those before are in either folder
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


def test_a_model_that_has_seen_nearly_everything_says_so(model, pictures, tmp_path):
    with pytest.raises(DataError, match=r"class 'blue'"):
        eb.train(pictures, tmp_path / "run", start_from=model)
    assert not (tmp_path / "run").exists()


def test_the_models_own_split_keeps_its_test_side(model, pictures, tmp_path):
    settings = eb.Settings(**STILL)
    result = eb.train(pictures, tmp_path / "run", start_from=model, split=model / "split.csv", settings=settings)
    assert rows(tmp_path / "run", "name", "split") == rows(model, "name", "split")
    assert (result.test.pictures, result.test.seen) == (6, 0)


def test_a_given_test_side_counts_only_what_the_model_has_not_seen(model, pictures, tmp_path):
    """The first test picture becomes one of training, and the other way round; then the whole test side was seen."""
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


def test_a_run_from_a_model_that_is_killed_goes_on_to_the_same_weights(make_folder, model, killed, tmp_path):
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
    def stop(event: AnyEvent) -> None:
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
def test_what_contradicts_the_model_is_named_with_it(options, words, model, pictures, tmp_path):
    with pytest.raises(SettingsError, match=words):
        eb.train(pictures, tmp_path / "run", start_from=model, **options)
    assert not (tmp_path / "run").exists()


def test_what_agrees_with_the_model_contradicts_nothing(make_folder, model, tmp_path):
    pictures = make_folder("more", classes=("blue", "violet"), count=30)
    agreed = {"network": eb.zoo.mlp(2, input_size=8), "size": 8, "resize": "stretch"}
    eb.train(pictures, tmp_path / "run", start_from=model, settings=eb.Settings(**STILL), **agreed)


def test_a_network_without_a_plain_head_keeps_its_classes(model):
    pictures = Input((3, 8, 8))()
    network = Network(pictures, BatchNorm()(Linear(3)(Flatten()(Conv2d(2, 3)(pictures)))))
    source = read_source(model)._replace(network=network, weights=initial_weights(network))
    assert start_from(source, ("blue", "green", "red"), eb.Settings()).network == network
    with pytest.raises(NetworkError, match="must end with a Linear or a Conv2d"):
        start_from(source, ("blue", "green"), eb.Settings())


def test_what_is_no_model_is_explained(pictures, tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        eb.train(pictures, tmp_path / "run", start_from=tmp_path / "nothing")
    assert not (tmp_path / "run").exists()


def test_a_start_is_not_replaced_by_what_starts_from_it(pictures, tmp_path):
    eb.train(pictures, tmp_path / "run", network=eb.zoo.mlp(3, input_size=8), settings=eb.Settings(epochs=1))
    with pytest.raises(OutputError, match=r"the model to start from, .*run, is inside .*run: use another output"):
        eb.train(pictures, tmp_path / "run", start_from=tmp_path / "run", epochs=1, overwrite=True)
    assert eb.Classifier.load(tmp_path / "run")
