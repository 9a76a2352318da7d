import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    BatchNorm,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Hardsigmoid,
    Hardswish,
    Input,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Multiply,
    Network,
    Node,
    Normalize,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    initial_weights,
    zoo,
)
from eyebright.network.rewrites import faster, for_inference, with_dropout, with_means
from eyebright.network.torch import TorchNetwork, as_input

RISING = [ReLU(), ReLU6(), LeakyReLU(0.2), ELU(1.5), Hardsigmoid(), Sigmoid(), Tanh(), Softplus()]
OTHERS = [GELU(), SiLU(), Hardswish(), Softmax()]
PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def pools(draw: st.DrawFn) -> Layer:
    """A pool of any kind that fits every picture of at least one pixel."""
    kind = draw(st.sampled_from(["max", "max", "average", "adaptive max", "adaptive average"]))
    if "adaptive" in kind:
        return (AdaptiveMaxPool2d if "max" in kind else AdaptiveAvgPool2d)(draw(PAIR))
    padding = draw(st.sampled_from(["same", 1]))
    kernel = draw(PAIR) if padding == "same" else draw(st.integers(2, 3))
    options = {"padding": padding, "ceil_mode": draw(st.booleans())}
    return (MaxPool2d if kind == "max" else AvgPool2d)(kernel, draw(st.none() | PAIR), **options)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Convolutions, activations and pools of all kinds in chains and branches; their loose ends are joined."""
    pictures = Input((2, 11, 10))()
    nodes: list[Node] = [Normalize()(pictures)]
    read: set[Node] = set()
    for _ in range(draw(st.integers(2, 9))):
        source = nodes[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(nodes))
        step = draw(st.sampled_from(["activation", "activation", "pool", "pool", "other", "merge"]))
        mate = draw(st.sampled_from([node for node in nodes if node.shape == source.shape]))
        others = [Conv2d(2, 3, padding="same"), BatchNorm(), Dropout(0.2)]
        node = {
            "activation": lambda source=source: draw(st.sampled_from(RISING + OTHERS))(source),
            "pool": lambda source=source: draw(pools())(source),
            "other": lambda source=source, others=others: draw(st.sampled_from(others))(source),
            "merge": lambda source=source, mate=mate: draw(st.sampled_from([Add(), Multiply()]))(source, mate),
        }[step]()
        read |= set(node.inputs)
        nodes.append(node)
    ends = [draw(st.sampled_from([GlobalMaxPool2d(), GlobalAvgPool2d(), Flatten()]))(node)
            for node in nodes if node not in read]  # fmt: skip
    return Network(pictures, Concat()(*ends))


def in_torch(network: Network, weights: dict[str, np.ndarray], batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return TorchNetwork(network, weights).eval()(as_input(batch)).numpy()


def readers(network: Network, name: str) -> list[str]:
    return [other for other, place in network.places.items() if name in place.inputs]


def wires(network: Network) -> dict[str, tuple[str, ...]]:
    return {name: place.inputs for name, place in network.places.items()}


@settings(max_examples=60, deadline=None)
@given(network=networks())
def test_a_rewritten_network_gives_the_same_outputs_on_the_same_weights(network):
    weights = {name: values + np.float32(0.1) for name, values in initial_weights(network, 1).items()}
    batch = np.random.default_rng(1).integers(0, 256, (2, 11, 10, 2), np.uint8)
    rewritten = faster(network)
    assert rewritten.tensors == network.tensors
    assert rewritten.output_shape == network.output_shape
    expected = in_torch(network, weights, batch)
    np.testing.assert_allclose(in_torch(rewritten, weights, batch), expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(network=networks())
def test_exactly_the_activations_that_may_move_are_moved(network):
    """Those that never decrease, and that only a maximum reads."""
    rewritten = faster(network)
    maxima = (MaxPool2d, AdaptiveMaxPool2d, GlobalMaxPool2d)
    for name, place in network.places.items():
        if not isinstance(place.layer, (*map(type, RISING), *map(type, OTHERS))):
            continue
        pools = [reader for reader in readers(network, name) if isinstance(network.layer(reader), maxima)]
        moves = (
            isinstance(place.layer, tuple(map(type, RISING))) and pools == readers(network, name) and len(pools) == 1
        )
        if moves:
            assert rewritten.places[name].inputs == tuple(pools)
        else:
            assert all(rewritten.places[pool].inputs == (name,) for pool in pools)


@pytest.mark.parametrize("activation", RISING, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize(
    "pool",
    [MaxPool2d(3, 2, 1, ceil_mode=True), AdaptiveMaxPool2d((2, 3)), GlobalMaxPool2d()],
    ids=["max", "adaptive", "global"],
)
def test_every_monotone_activation_moves_behind_every_max_pool(activation, pool):
    network = Network.sequential(Input((2, 11, 10)), Normalize(128.0, 16.0), activation, pool)
    rewritten = faster(network)
    names = list(network.places)
    assert list(rewritten.places) == [*names[:2], names[3], names[2]]
    batch = np.random.default_rng(2).integers(0, 256, (3, 11, 10, 2), np.uint8)
    expected = in_torch(network, {}, batch)
    np.testing.assert_allclose(in_torch(rewritten, {}, batch), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", OTHERS, ids=lambda layer: type(layer).__name__)
def test_an_activation_that_is_not_monotone_is_not_moved(activation):
    network = Network.sequential(Input((2, 8, 8)), Normalize(300.0, 64.0), activation, MaxPool2d(2))
    assert faster(network) == network
    swapped = Network.sequential(Input((2, 8, 8)), Normalize(300.0, 64.0), MaxPool2d(2), activation)
    batch = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 2), np.uint8)
    assert np.abs(in_torch(network, {}, batch) - in_torch(swapped, {}, batch)).max() > 0.01


@pytest.mark.parametrize(
    "pool", [AvgPool2d(2), AdaptiveAvgPool2d(2), GlobalAvgPool2d()], ids=lambda pool: type(pool).__name__
)
def test_an_activation_before_an_average_pool_is_not_moved(pool):
    network = Network.sequential(Input((2, 8, 8)), Normalize(), ReLU(), pool)
    assert faster(network) == network


def test_an_activation_that_two_pools_read_stays():
    pictures = Input((2, 8, 8))()
    relu = ReLU(name="r")(pictures)
    network = Network(pictures, Add()(MaxPool2d(2)(relu), MaxPool2d(2, padding="same")(relu)))
    assert faster(network) == network


def test_an_activation_that_is_the_result_stays():
    network = Network.sequential(Input((2, 8, 8)), MaxPool2d(2), ReLU())
    assert faster(network) == network


def test_a_rewritten_network_goes_to_json_and_back():
    rewritten = faster(Network.sequential(Input((2, 8, 8)), Conv2d(2, 3), ReLU(), MaxPool2d(2), Flatten()))
    assert Network.from_json(rewritten.to_json()) == rewritten


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_outputs_stay_the_same_bit_by_bit(random_network, run, pictures, seed):
    network = random_network(seed)
    weights = initial_weights(network, seed)
    expected = run(network, weights, pictures)
    assert np.array_equal(run(faster(network), weights, pictures), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_parameters_and_output_shape_stay_the_same(random_network, seed):
    network = random_network(seed)
    rewritten = faster(network)
    assert rewritten.parameters == network.parameters
    assert rewritten.output_shape == network.output_shape
    assert rewritten.places.keys() == network.places.keys()


def test_the_pool_comes_before_the_activation():
    network = Network.sequential(Input((3, 8, 8)), Conv2d(4, 3, name="c"), ReLU(name="r"), MaxPool2d(2, name="p"))
    rewritten = faster(network)
    assert wires(rewritten) == {"input_1": (), "c": ("input_1",), "p": ("c",), "r": ("p",)}
    assert rewritten.output == "r" and rewritten.places["r"].shape == (4, 3, 3)


def test_an_activation_that_another_layer_reads_stays():
    pictures = Input((3, 8, 8))()
    relu = ReLU(name="r")(pictures)
    network = Network(pictures, Add()(MaxPool2d(3, 1, padding="same", name="p")(relu), relu))
    assert faster(network) == network


def test_only_the_side_with_a_single_reader_is_rewritten():
    pictures = Input((3, 8, 8))()
    shared = ReLU(name="shared")(pictures)
    own = ReLU(name="own")(Conv2d(3, 3, padding="same", name="c")(shared))
    network = Network(pictures, Add(name="sum")(MaxPool2d(2, name="p")(shared), MaxPool2d(2, name="q")(own)))
    rewritten = wires(faster(network))
    assert (rewritten["p"], rewritten["q"], rewritten["own"]) == (("shared",), ("c",), ("q",))
    assert rewritten["sum"] == ("p", "own")


def test_an_activation_after_a_rewritten_one_is_rewritten_too():
    relu, pool = ReLU(), MaxPool2d(2)
    network = Network.sequential(Input((1, 8, 8)), relu, pool, relu, pool)
    assert list(faster(network).places) == ["input_1", "max_pool_1", "relu_1", "max_pool_2", "relu_2"]


@pytest.mark.parametrize("size", [16, 180])
def test_all_pools_of_the_flower_network_move(size):
    places = list(faster(zoo.flowers_cnn(input_size=size)).places)
    assert places[2:11] == [f"{kind}_{index}" for index in (1, 2, 3) for kind in ("conv", "pool", "relu")]


@pytest.mark.parametrize("p", [0.0, 0.3])
def test_dropout_is_added_before_the_last_layer_if_there_is_none(p):
    network = Network.sequential(Input((3, 4, 4), name="in"), Flatten(name="dropout"), Linear(2, name="head"))
    changed = with_dropout(network, p)
    added = [name for name, place in changed.places.items() if isinstance(place.layer, Dropout)]
    assert len(added) == (p > 0)
    assert changed.places["head"].inputs == (added[0] if added else "dropout",)
    assert initial_weights(changed, 1).keys() == initial_weights(network, 1).keys()


def test_stronger_dropout_stays():
    network = with_dropout(zoo.flowers_cnn(input_size=16, dropout=0.4), 0.2)
    assert msgspec.structs.asdict(network.places["dropout"].layer)["p"] == 0.4


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [(Conv2d(4, 3), Flatten(), Linear(5)), (Flatten(), Linear(6), Linear(5))])
def test_batch_norms_become_part_of_the_layer_before_and_dropout_is_left_out(answers, noise, layers, bias):
    layers = [msgspec.structs.replace(layer, bias=bias) if hasattr(layer, "bias") else layer for layer in layers]
    first = [layers.pop(0)] if isinstance(layers[0], Flatten) else []
    network = Network.sequential(
        *(Input((3, 9, 8)), Normalize(), *first, layers[0], BatchNorm(1e-3), Dropout(0.5), ReLU(), *layers[1:])
    )
    weights = {
        name: np.random.default_rng(index).uniform(0.2, 1.5, values.shape).astype(np.float32)
        for index, (name, values) in enumerate(initial_weights(network).items())
    }
    smaller, own = for_inference(network, weights)
    kinds = [type(place.layer) for place in smaller.places.values()]
    assert BatchNorm not in kinds and Dropout not in kinds and ReLU in kinds
    pictures = noise(3, 9, 8)
    expected = answers(network, weights, pictures)["torch"]
    np.testing.assert_allclose(answers(smaller, own, pictures)["torch"], expected, rtol=1e-5)


def test_a_batch_norm_stays_where_another_layer_reads_what_it_reads_or_it_learns_last():
    images = Input((3, 9, 8))()
    maps = Conv2d(3, 3)(images)
    for network in (
        Network(images, Linear(2)(Flatten()(Add()(maps, BatchNorm()(maps))))),
        Network(images, BatchNorm()(maps)),
        Network(images, Linear(2)(Flatten()(BatchNorm()(ReLU()(maps))))),
    ):
        weights = initial_weights(network)
        smaller, own = for_inference(network, weights)
        assert smaller == network and own.keys() == weights.keys()


@pytest.mark.parametrize("size", [32, 40])
def test_a_last_layer_also_reads_the_means_of_maps(size):
    network = zoo.build("resnet18", num_classes=3, input_size=size)
    vector = network.places["fc"].inputs[0]
    wide = with_means(network, vector, ["layer2.1.add", "layer1.0.bn2"])
    assert wide.places["fc"].input_shapes == ((512 + 128 + 64,),)
    weights = initial_weights(wide, 1)
    images = as_input(np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8))
    parts = []
    for part in map(network.up_to, (vector, "layer2.1.add", "layer1.0.bn2")):
        module = TorchNetwork(part, {name: weights[name] for name in part.tensors})
        parts.append(module.eval()(images).detach().numpy())
    read = np.concatenate([part.reshape(*part.shape[:2], -1).mean(axis=2) for part in parts], axis=1)
    found = TorchNetwork(wide, weights).eval()(images).detach().numpy()
    assert found == pytest.approx(read @ weights["fc.weight"].T + weights["fc.bias"], abs=1e-4)
    assert network.places["fc"].input_shapes == ((512,),)


def test_the_means_are_the_output_where_the_vector_was():
    network = zoo.build("resnet18", num_classes=3, input_size=32)
    vector = network.places["fc"].inputs[0]
    assert with_means(network.up_to(vector), vector, ["layer1.1.add"]).output_shape == (512 + 64,)
