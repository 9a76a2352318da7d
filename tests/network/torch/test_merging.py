import numpy as np
import pytest

from eyebright.network import (
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    Concat,
    Dropout,
    Flatten,
    Input,
    MaxPool2d,
    Multiply,
    Network,
    Normalize,
    ReLU,
    Sigmoid,
)


def on_pictures(merge):
    """A network on (3, 6, 5) whose last layer is made by `merge` from the values -8 to 8."""
    pictures = Input((3, 6, 5))()
    return Network(pictures, merge(Normalize(128.0, 16.0)(pictures)))


@pytest.mark.parametrize(
    ("merge", "by_hand"),
    [
        (lambda x: Add()(x, ReLU()(x)), lambda x: x + np.maximum(x, 0)),
        (lambda x: Add()(x, ReLU()(x), x, Dropout(0.9)(x)), lambda x: 3 * x + np.maximum(x, 0)),
        (lambda x: Multiply()(x, ReLU()(x)), lambda x: x * np.maximum(x, 0)),
        (
            lambda x: Multiply()(x, AdaptiveMaxPool2d(1)(x)),
            lambda x: x * x.max(axis=(2, 3), keepdims=True),
        ),
        (lambda x: Concat()(x, ReLU()(x), x), lambda x: np.concatenate([x, np.maximum(x, 0), x], axis=1)),
        (Concat(), lambda x: x),
        (
            lambda x: Concat()(Flatten()(x), Flatten()(MaxPool2d((6, 5))(x))),
            lambda x: np.concatenate([x.reshape(2, -1), x.max(axis=(2, 3))], axis=1),
        ),
        (
            lambda x: Concat()(AvgPool2d((6, 1))(x), AvgPool2d((6, 1))(ReLU()(x))),
            lambda x: np.concatenate([x, np.maximum(x, 0)], axis=1).mean(axis=2, keepdims=True),
        ),
    ],
)
def test_branches_join_as_written_out(answers, noise, merge, by_hand):
    pictures = noise(3, 6, 5)
    expected = by_hand((pictures.astype(np.float64) - 128).transpose(0, 3, 1, 2) / 16)
    for who, found in answers(on_pictures(merge), {}, pictures, engine=True).items():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=who)


def test_vectors_join_too(answers):
    samples = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    inputs = Input((4,))()
    gate = Sigmoid()(inputs)
    for merge, expected in (
        (Add(), samples + 1 / (1 + np.exp(-samples))),
        (Multiply(), samples / (1 + np.exp(-samples))),
        (Concat(), np.concatenate([samples, 1 / (1 + np.exp(-samples))], axis=1)),
    ):
        for found in answers(Network(inputs, merge(inputs, gate)), {}, samples, engine=True).values():
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_many_inputs_are_summed(answers):
    inputs = Input((4,))()
    network = Network(inputs, Add()(*[inputs] * 40))
    samples = np.array([[1, -2, 3, -4]], np.float32)
    for found in answers(network, {}, samples, engine=True).values():
        assert np.array_equal(found, 40 * samples)
