import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyebright.network import Flatten, Input, Network, Normalize, ReLU

MEAN = st.floats(-300, 300, width=32)
STD = st.floats(0.5, 300, width=32)


@settings(max_examples=25, deadline=None)
@given(mean=MEAN | st.tuples(MEAN, MEAN, MEAN), std=STD | st.tuples(STD, STD, STD))
def test_normalize_subtracts_and_divides_channel_by_channel(answers, noise, mean, std):
    pictures = noise(3, 4, 5)
    expected = ((pictures - np.float64(mean)) / np.float64(std)).transpose(0, 3, 1, 2)
    network = Network.sequential(Input((3, 4, 5)), Normalize(mean, std))
    for found in answers(network, {}, pictures).values():
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * 600)


def test_rescaling_is_kerass(answers, noise):
    pictures = noise(3, 4, 5)
    network = Network.sequential(Input((3, 4, 5)), Normalize(0, 255))
    for found in answers(network, {}, pictures, engine=True).values():
        np.testing.assert_allclose(found, pictures.transpose(0, 3, 1, 2) / 255, rtol=1e-5)


@pytest.mark.parametrize(("mean", "std"), [(1.0, 2.0), ((1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0))])
def test_vectors_are_normalized_feature_by_feature(answers, mean, std):
    samples = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    network = Network.sequential(Input((4,)), Normalize(mean, std))
    for found in answers(network, {}, samples, engine=True).values():
        np.testing.assert_allclose(found, (samples - np.float64(mean)) / np.float64(std), rtol=1e-5, atol=1e-6)


def test_pictures_enter_channels_last_and_are_flattened_channel_by_channel(answers, noise):
    pictures = noise(3, 4, 5)
    expected = [np.concatenate([picture[:, :, channel].ravel() for channel in range(3)]) for picture in pictures]
    for found in answers(Network.sequential(Input((3, 4, 5)), Flatten()), {}, pictures, engine=True).values():
        assert np.array_equal(found, expected)


def test_normalize_leaves_the_samples_as_they_were(answers):
    samples = np.array([[-1, 2]], np.float32)
    answers(Network.sequential(Input((2,)), Normalize(1.0, 2.0), ReLU()), {}, samples)
    assert samples.tolist() == [[-1, 2]]
