"""The folder of a network with its weights and nothing else.

A network with its weights, for whatever it computes: built, asked, saved, loaded."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

import eyebright as eb
from eyebright.model.plain import is_plain, read_plain, write_plain
from eyebright.network import (
    Add,
    Conv2d,
    Dropout,
    Flatten,
    Input,
    Linear,
    Network,
    Normalize,
    ReLU,
    Softmax,
    initial_weights,
)
from eyebright.system import files
from eyebright.system.errors import ModelError, NetworkError, OutputError, SettingsError

NETWORK = Network.sequential(Input((3,)), Linear(4, name="dense_1"), ReLU(), Linear(2, name="dense_2"))
WEIGHTS = initial_weights(NETWORK, seed=1)
FILES = ("weights.safetensors", "network.onnx")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    write_plain(tmp_path / "plain", NETWORK, WEIGHTS, b"a graph")
    return tmp_path / "plain"


@pytest.fixture
def edit(plain: Path) -> Callable[..., None]:
    """Change the folder's card, which then has no digest of its own content, as in older models."""

    def edit(**changes: object) -> None:
        card = json.loads((plain / "plain.json").read_text())
        card["sha256"].pop("plain.json", None)
        (plain / "plain.json").write_text(json.dumps(card | changes))

    return edit


@pytest.fixture
def replace(plain: Path, edit: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Replace one file and enter its right checksum."""

    def replace(name: str, content: bytes) -> None:
        (plain / name).write_bytes(content)
        edit(sha256={file: hashlib.sha256((plain / file).read_bytes()).hexdigest() for file in FILES})

    return replace


def test_the_folder_holds_what_it_says(plain):
    assert {file.name for file in plain.iterdir()} == {"plain.json", *FILES}
    card = json.loads((plain / "plain.json").read_text())
    assert card["format"] == 1
    assert [layer["type"] for layer in card["network"]["layers"]] == ["Input", "Linear", "ReLU", "Linear"]
    digests = {name: hashlib.sha256((plain / name).read_bytes()).hexdigest() for name in FILES}
    assert {name: card["sha256"][name] for name in FILES} == digests
    assert (plain / "network.onnx").read_bytes() == b"a graph"
    stored = load_file(plain / "weights.safetensors")
    assert all(stored[name].tobytes() == values.tobytes() for name, values in WEIGHTS.items())


def test_network_and_weights_come_back(plain):
    assert is_plain(plain)
    network, weights = read_plain(plain)
    assert network == NETWORK
    assert {name: values.tobytes() for name, values in weights.items()} == {
        name: values.tobytes() for name, values in WEIGHTS.items()
    }


@pytest.mark.parametrize("name", ["nowhere", "nul\0"])
def test_a_path_that_is_not_there_is_explained(tmp_path, name):
    with pytest.raises(ModelError, match=r"does not exist: give a folder that Model\.save has written|cannot be read"):
        read_plain(tmp_path / name)


def test_a_path_longer_than_the_system_allows_is_explained(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read|does not exist"):
        read_plain(tmp_path / ("n" * 300))


def test_any_other_folder_is_no_plain_model(tmp_path):
    with pytest.raises(ModelError, match=r"is not a model: it has no plain\.json"):
        read_plain(tmp_path)


def test_the_folder_of_a_classifier_is_named_as_such(saved):
    with pytest.raises(ModelError, match=r"contains a classifier: load it with eyebright\.load"):
        read_plain(saved)


@pytest.mark.parametrize("name", FILES)
def test_an_incomplete_folder_says_what_is_missing(plain, name):
    (plain / name).unlink()
    with pytest.raises(ModelError, match=f"incomplete: {name} is missing; copy the whole folder again"):
        read_plain(plain)


@pytest.mark.parametrize("name", FILES)
def test_one_altered_bit_is_noticed(plain, name):
    content = bytearray((plain / name).read_bytes())
    content[-1] ^= 1
    (plain / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} was altered: its SHA-256 is not the one in plain\.json"):
        read_plain(plain)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, "has format 2, but this version of eyebright reads up to 1: update eyebright"),
        (0, "has format 0, which does not exist: expected 1 to 1"),
        ("1", "Expected `int`"),
    ],
)
def test_a_folder_of_another_format_is_refused(plain, edit, number, words):
    edit(format=number, something="new")
    with pytest.raises(ModelError, match=words):
        read_plain(plain)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"netwrok": {}}, "did you mean 'network'"),
        (
            {"network": {"format": 1, "layers": [{"type": "Linaer", "name": "a"}], "output": "a"}},
            "did you mean 'Linear'",
        ),
        ({"network": {"format": 9, "layers": [], "output": ""}}, "format 9"),
        ({"sha256": {}}, "was altered"),
    ],
)
def test_a_card_that_does_not_fit_is_explained(plain, edit, changes, words):
    edit(**changes)
    with pytest.raises(ModelError, match=words):
        read_plain(plain)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_card_that_is_no_card_is_explained(plain, text):
    (plain / "plain.json").write_text(text)
    with pytest.raises(ModelError, match=r"plain\.json cannot be read"):
        read_plain(plain)


def test_weights_of_other_shapes_are_all_listed(plain, replace):
    wrong = WEIGHTS | {"dense_1.bias": np.zeros(9, np.float32), "more": np.zeros(1, np.float32)}
    wrong.pop("dense_2.bias")
    replace("weights.safetensors", save(wrong))
    with pytest.raises(
        ModelError,
        match=r"is invalid.*missing \(dense_2\.bias\).*unexpected \(more\).*dense_1\.bias: expected \(4,\), got \(9,\)",
    ):
        read_plain(plain)


def test_weights_that_are_no_safetensors_are_refused(plain, replace):
    replace("weights.safetensors", b"not at all")
    with pytest.raises(ModelError, match="is damaged, or is not a safetensors file"):
        read_plain(plain)


def test_weights_that_are_no_numbers_come_with_a_warning(plain, replace):
    replace("weights.safetensors", save(WEIGHTS | {"dense_1.bias": np.full(4, np.inf, np.float32)}))
    with pytest.warns(UserWarning, match=r"NaN or infinite, in dense_1\.bias"):
        read_plain(plain)


def test_a_folder_that_eyebright_did_not_make_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(OutputError, match="contains something else"):
        write_plain(tmp_path / "mine", NETWORK, WEIGHTS, b"", overwrite=True)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_crash_between_two_renames_loses_nothing(plain):
    shutil.move(plain, files.aside_of(plain))
    assert read_plain(plain)[0] == NETWORK


RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.random((70, 32), np.float32)  # more than one batch


def get_model(seed: int = 0) -> eb.Model:
    """The one of the course notes."""
    inputs = Input((32,))()
    outputs = Linear(1)(inputs)
    return eb.Model(Network(inputs, outputs), seed=seed)


def pictures_network(channels: int = 3) -> Network:
    pictures = Input((channels, 6, 5))()
    x = Normalize(0, 255)(pictures)
    y = ReLU()(Conv2d(channels, 3, padding="same", name="conv")(x))
    return Network(pictures, Linear(2, name="dense")(Flatten()(Add()(x, y))))


def test_a_dense_layer_gives_what_the_matrix_product_gives():
    model = get_model(seed=4)
    weight, bias = model.get_weights().values()
    assert model.predict(VECTORS) == pytest.approx(VECTORS @ weight.T + bias, abs=1e-5)


def test_pictures_enter_with_their_channels_last():
    torch = pytest.importorskip("torch")
    model = eb.Model(pictures_network(), seed=2)
    pictures = RANDOM.integers(0, 256, (3, 6, 5, 3), np.uint8)
    weights = {name: torch.from_numpy(values) for name, values in model.get_weights().items()}
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255
    y = torch.nn.functional.conv2d(x, weights["conv.weight"], weights["conv.bias"], padding=1).relu()
    expected = (x + y).flatten(1) @ weights["dense.weight"].T + weights["dense.bias"]
    assert model.predict(pictures) == pytest.approx(expected.numpy(), abs=1e-5)


def test_grey_pictures_may_leave_their_one_channel_out():
    model = eb.Model(pictures_network(channels=1))
    pictures = RANDOM.integers(0, 256, (3, 6, 5), np.uint8)
    assert model.predict(pictures).tobytes() == model.predict(pictures[..., None]).tobytes()


def test_a_result_may_be_maps_of_features():
    model = eb.Model(pictures_network().up_to("conv"))
    assert model.predict(np.zeros((2, 6, 5, 3), np.uint8)).shape == (2, 3, 6, 5)


def test_no_samples_give_no_results():
    assert get_model().predict(np.zeros((0, 32), np.float32)).shape == (0, 1)


def test_a_softmax_at_the_end_gives_probabilities():
    model = eb.Model(Network.sequential(Input((2,)), Linear(3, name="dense"), Softmax()))
    model.layer("dense").set_weights({"weight": np.zeros((3, 2)), "bias": np.log([1, 2, 5])})
    assert model.predict(np.zeros((1, 2)))[0] == pytest.approx([1 / 8, 2 / 8, 5 / 8])


@given(
    seed=st.integers(0, 2**31), features=st.integers(1, 9), hidden=st.integers(1, 9), functional=st.booleans(),
    count=st.integers(1, 40),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_reloaded_model_predicts_the_same_to_the_last_bit(
    tmp_path_factory, seed, features, hidden, functional, count
):
    inputs = Input((features,))()
    layers = Linear(hidden), ReLU(), Linear(2)
    network = (
        Network(inputs, layers[2](layers[1](layers[0](inputs))))
        if functional
        else Network.sequential(Input((features,)), *layers)
    )
    model, path = eb.Model(network, seed=seed), tmp_path_factory.mktemp("model") / "my_model"
    model.save(path)
    again = eb.Model.load(path)
    samples = np.random.default_rng(seed).standard_normal((count, features))
    assert again.predict(samples).tobytes() == model.predict(samples).tobytes()
    assert again.network == model.network


def test_a_reloaded_model_on_pictures_predicts_the_same_to_the_last_bit(tmp_path):
    model = eb.Model(pictures_network(), seed=5)
    model.save(tmp_path / "my_model")
    pictures = RANDOM.integers(0, 256, (40, 6, 5, 3), np.uint8)
    again = eb.Model.load(str(tmp_path / "my_model"))
    assert again.predict(pictures).tobytes() == model.predict(pictures).tobytes()
    assert again.to_onnx() == model.to_onnx()


def test_the_saved_graph_computes_the_same_for_other_programs(tmp_path):
    model = get_model(seed=1)
    model.save(tmp_path / "my_model")
    graph = onnx.load(tmp_path / "my_model" / "network.onnx")
    (result,) = onnx.reference.ReferenceEvaluator(graph).run(None, {graph.graph.input[0].name: VECTORS})
    assert model.predict(VECTORS) == pytest.approx(result, abs=1e-5)


def test_the_seed_decides_the_weights():
    one, two, other = (get_model(seed).get_weights()["linear_1.weight"] for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_weights_can_be_given_and_must_fit():
    network = get_model().network
    model = eb.Model(network, {"linear_1.weight": np.ones((1, 32)), "linear_1.bias": np.zeros(1)})
    assert model.predict(VECTORS) == pytest.approx(VECTORS.sum(axis=1, keepdims=True), rel=1e-5)
    with pytest.raises(NetworkError, match=r"1 missing \(linear_1\.bias\)"):
        eb.Model(network, {"linear_1.weight": np.ones((1, 32))})


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((4, 31)), r"expected samples \(N, 32\), got \(4, 31\)"),
        (np.zeros(32), r"got \(32,\); pass a single sample as samples\[None\]"),
        (np.float32(1), r"got \(\)"),
        ([[1.0], [1.0, 2.0]], r"expected samples \(N, 32\): "),
        (np.full((1, 32), "x"), r"of numbers, got <U1"),
        (np.zeros((1, 32), complex), r"of numbers, got complex128"),
    ],
)
def test_samples_that_do_not_fit_are_explained(samples, words):
    with pytest.raises(NetworkError, match=words):
        get_model().predict(samples)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((1, 3, 6, 5), np.uint8), r"expected samples \(N, 6, 5, 3\), got \(1, 3, 6, 5\)"),
        (np.zeros((6, 5, 3), np.uint8), r"pass a single sample as samples\[None\]"),
        (np.zeros((1, 6, 5), np.uint8), r"got \(1, 6, 5\)"),
        (np.zeros((1, 6, 5, 3), np.float32), r"of uint8 from 0 to 255, got float32"),
    ],
)
def test_pictures_that_do_not_fit_are_explained(samples, words):
    with pytest.raises(NetworkError, match=words):
        eb.Model(pictures_network()).predict(samples)


def test_a_folder_that_exists_is_kept_unless_overwritten(tmp_path):
    get_model(seed=1).save(tmp_path / "my_model")
    with pytest.raises(OutputError, match=r"already exists.*overwrite=True"):
        get_model(seed=2).save(tmp_path / "my_model")
    assert eb.Model.load(tmp_path / "my_model").predict(VECTORS).tobytes() == get_model(1).predict(VECTORS).tobytes()
    get_model(seed=2).save(tmp_path / "my_model", overwrite=True)
    assert eb.Model.load(tmp_path / "my_model").predict(VECTORS).tobytes() == get_model(2).predict(VECTORS).tobytes()


def test_each_kind_of_folder_says_how_to_read_it(tmp_path):
    get_model().save(tmp_path / "plain")
    eb.Classifier(pictures_network(), ["a", "b"]).save(tmp_path / "run" / "model")
    with pytest.raises(ModelError, match=r"contains a network without classes: load it with eyebright\.Model\.load"):
        eb.load(tmp_path / "plain")
    for place in ("run", "run/model"):
        with pytest.raises(ModelError, match=r"contains a classifier: load it with eyebright\.load"):
            eb.Model.load(tmp_path / place)


# Training


@pytest.fixture
def course() -> eb.Model:
    """The first network of the course."""
    inputs = Input((32,))()
    return eb.Model(Network(inputs, Linear(1, name="dense")(inputs)))


@pytest.fixture
def numbers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((128, 32)), random.random((128, 1))


def test_the_first_listing_of_the_course_trains_saves_loads_and_predicts(course, numbers, tmp_path):
    history = course.fit(*numbers)
    assert history.loss[-1] < history.loss[0]
    assert len(history.loss) == 15 and history.validation_loss == ()
    course.save(tmp_path / "my_model")
    assert np.array_equal(eb.Model.load(tmp_path / "my_model").predict(numbers[0]), course.predict(numbers[0]))


def test_training_finds_what_least_squares_finds(course, numbers):
    samples, targets = numbers
    course.fit(samples, targets, epochs=800, learning_rate=0.03, batch_size=128, verbose=False)
    best, (residual,), *_ = np.linalg.lstsq(np.c_[samples, np.ones(128)], targets, rcond=None)
    assert np.mean((course.predict(samples) - targets) ** 2) == pytest.approx(residual / 128, rel=0.01)
    found = course.layer("dense").get_weights()
    np.testing.assert_allclose(np.append(found["weight"][0], found["bias"]), best[:, 0], atol=0.05)


def test_the_same_training_gives_the_same_weights_and_another_seed_others(numbers):
    inputs = Input((32,))()
    network = Network(inputs, Linear(1)(Dropout(0.3)(inputs)))
    found = []
    for seed in (1, 1, 2):
        model = eb.Model(network, initial_weights(network), seed=seed)
        model.fit(*numbers, epochs=2, verbose=False)
        found.append(np.concatenate([values.ravel() for values in model.get_weights().values()]))
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("how", ["validation_data", "validation_split"])
def test_the_loss_on_other_samples_is_measured_but_not_trained_on(course, numbers, how):
    samples, targets = numbers
    train = samples[:96], targets[:96]
    later = samples[96:], targets[96:]
    alone = eb.Model(course.network)
    alone.fit(*train, epochs=3, verbose=False)
    if how == "validation_data":
        history = course.fit(*train, epochs=3, validation_data=later, verbose=False)
    else:
        history = course.fit(samples, targets, epochs=3, validation_split=0.25, verbose=False)
    assert np.array_equal(course.get_weights()["dense.weight"], alone.get_weights()["dense.weight"])
    assert history.validation_loss[-1] == pytest.approx(np.mean((course.predict(later[0]) - later[1]) ** 2), rel=1e-4)


def test_targets_of_one_output_may_be_flat_and_tensors_are_read(course, numbers):
    samples, targets = numbers
    flat = eb.Model(course.network)
    flat.fit(torch.from_numpy(samples), targets[:, 0].tolist(), epochs=1, verbose=False)
    course.fit(samples, targets, epochs=1, verbose=False)
    assert np.array_equal(flat.get_weights()["dense.weight"], course.get_weights()["dense.weight"])


def test_images_may_be_the_samples():
    network = Network.sequential(Input((1, 4, 4)), Normalize(0, 255), Flatten(), Linear(2))
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4), np.uint8)
    targets = np.stack([images.mean(axis=(1, 2)), images[:, 0, 0]], axis=1) / 255
    history = eb.Model(network).fit(images, targets, epochs=200, learning_rate=0.01, verbose=False)
    assert history.loss[-1] < 1e-3


@pytest.mark.parametrize(
    ("samples", "targets", "options", "words"),
    [
        ((9, 32), (9, 2), {}, r"expected targets \(9, 1\), the output of the network for each sample, got \(9, 2\)"),
        ((9, 32), (8, 1), {}, r"expected targets \(9, 1\).*got \(8, 1\)"),
        ((9, 31), (9, 1), {}, r"expected samples \(N, 32\), got \(9, 31\)"),
        ((0, 32), (0, 1), {}, r"expected targets \(0, 1\)"),
        ((9, 32), (9, 1), {"loss": "mse"}, "there is no argument 'loss': leave it out: .* a Model by squared error"),
        ((9, 32), (9, 1), {"rotation": 0.1}, "fit of a Model has no setting 'rotation': known are"),
        ((9, 32), (9, 1), {"epoch": 2}, "no setting 'epoch': did you mean 'epochs'"),
        ((9, 32), (9, 1), {"epochs": -1}, "epochs must be from 0"),
        ((9, 32), (9, 1), {"validation_split": 0.01}, "leaves none to train on or to validate on"),
        (
            (9, 32),
            (9, 1),
            {"validation_split": 0.5, "validation_data": (np.ones((1, 32)), [1])},
            "use only one of them",
        ),
        ((9, 32), (9, 1), {}, "the loss became inf in epoch 1"),
    ],
)
def test_what_cannot_be_trained_on_is_explained(course, samples, targets, options, words):
    with pytest.raises((NetworkError, SettingsError), match=words):
        course.fit(np.ones(samples), 1e30 * np.ones(targets), verbose=False, **options)


def test_values_that_are_not_finite_are_refused_before_the_training(course):
    for samples, targets, name in ((np.nan, 0, "samples"), (0, np.inf, "targets")):
        with pytest.raises(NetworkError, match=f"the {name} contain NaN or infinite values"):
            course.fit(np.full((4, 32), samples), np.full((4, 1), targets))


def test_compile_shows_what_to_write(course):
    with pytest.raises(SettingsError, match=r"leave it out: write model\.fit\(samples, targets, .*mean squared error"):
        course.compile(optimizer="adam", loss="mean_squared_error")
