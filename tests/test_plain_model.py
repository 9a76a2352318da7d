"""A network with its weights, for whatever it computes: built, asked, saved, loaded."""

import numpy as np
import onnx
import onnx.reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eyebright as eb
from eyebright.errors import ModelError, NetworkError, OutputError
from eyebright.network import Add, Conv2d, Flatten, Input, Linear, Network, Normalize, ReLU, Softmax

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
        (np.zeros((4, 31)), r"expected samples \(N, 32\), received \(4, 31\)"),
        (np.zeros(32), r"received \(32,\); a single one goes in as samples\[None\]"),
        (np.float32(1), r"received \(\)"),
        ([[1.0], [1.0, 2.0]], r"expected samples \(N, 32\): "),
        (np.full((1, 32), "x"), r"of numbers, received <U1"),
        (np.zeros((1, 32), complex), r"of numbers, received complex128"),
    ],
)
def test_samples_that_do_not_fit_are_explained(samples, words):
    with pytest.raises(NetworkError, match=words):
        get_model().predict(samples)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((1, 3, 6, 5), np.uint8), r"expected samples \(N, 6, 5, 3\), received \(1, 3, 6, 5\)"),
        (np.zeros((6, 5, 3), np.uint8), r"a single one goes in as samples\[None\]"),
        (np.zeros((1, 6, 5), np.uint8), r"received \(1, 6, 5\)"),
        (np.zeros((1, 6, 5, 3), np.float32), r"of uint8 from 0 to 255, received float32"),
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
    with pytest.raises(ModelError, match=r"without classes: read it with eyebright\.Model\.load"):
        eb.load(tmp_path / "plain")
    for place in ("run", "run/model"):
        with pytest.raises(ModelError, match=r"holds a classifier: read it with eyebright\.load"):
            eb.Model.load(tmp_path / place)
