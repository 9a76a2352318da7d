import math

import numpy as np
import pytest

from eyebright.network import BatchNorm, Input, Linear, Network, initial_weights
from eyebright.system.errors import SettingsError
from eyebright.training.events.event import Progress
from eyebright.training.settings import Settings
from eyebright.training.torch.regression import fit_values

RANDOM = np.random.default_rng(0)
SAMPLES, TARGETS = RANDOM.normal(size=(33, 3)).astype(np.float32), RANDOM.normal(size=(33, 2)).astype(np.float32)
NETWORK = Network.sequential(Input((3,)), Linear(2, name="dense"))
WEIGHTS = initial_weights(NETWORK)


def train(network=NETWORK, weights=WEIGHTS, targets=TARGETS, emit=lambda event: None, validation=None, **settings):
    return fit_values(network, weights, (SAMPLES, targets), Settings(**settings), validation=validation, emit=emit)


def test_one_step_goes_against_the_gradient_of_the_mean_squared_error():
    """Adam's first step is the learning rate, against the sign of each derivative (Kingma and Ba 2014, section 2.1)."""
    weights, losses, _ = train(epochs=1, batch_size=64, learning_rate=0.01)
    errors = SAMPLES @ WEIGHTS["dense.weight"].T + WEIGHTS["dense.bias"] - TARGETS
    assert losses == [pytest.approx(np.mean(errors**2), rel=1e-5)]
    expected = WEIGHTS["dense.weight"] - 0.01 * np.sign(errors.T @ SAMPLES)
    np.testing.assert_allclose(weights["dense.weight"], expected, atol=1e-5)


def test_no_sample_is_left_alone_in_a_batch():
    """33 samples in batches of 32: a batch norm needs at least two of them."""
    network = Network.sequential(Input((3,)), BatchNorm(name="norm"), Linear(2))
    weights, *_ = train(network, initial_weights(network), epochs=1, batch_size=32)
    assert np.isfinite(weights["norm.running_mean"]).all()


def test_each_epoch_is_reported_with_its_losses():
    events = []
    _, losses, later = train(emit=events.append, epochs=2, validation=(SAMPLES[:5], TARGETS[:5]))
    assert [(event.stage, event.done, event.of) for event in events] == [("training", 1, 2), ("training", 2, 2)]
    assert all(isinstance(event, Progress) for event in events)
    assert events[1].note == f"loss {losses[1]:.4g}  validation loss {later[1]:.4g}"


def test_a_loss_that_is_not_finite_stops_the_training():
    with pytest.raises(SettingsError, match=r"the loss became (inf|nan) in epoch \d+: use a learning rate below 100"):
        train(targets=TARGETS * 1e30, epochs=50, learning_rate=100)
    assert math.isfinite(WEIGHTS["dense.weight"].sum())
