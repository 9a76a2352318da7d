import numpy as np
import pytest

from eyebright.errors import NetworkError
from eyebright.network import Input, Linear, Network, check_weights, initial_weights

NETWORK = Network.sequential(Input((3,)), Linear(2, name="head"))


def test_the_weights_of_the_network_pass():
    assert check_weights(NETWORK, initial_weights(NETWORK)) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head.bias": None}, r"head\.bias: expected \(2,\), got None"),
        ({"tail.bias": np.zeros(1)}, r"tail\.bias: expected None, got \(1,\)"),
        ({"head.weight": np.zeros((3, 2))}, r"head\.weight: expected \(2, 3\), got \(3, 2\)"),
    ],
)
def test_missing_surplus_and_misshapen_weights_are_told(change, words):
    weights = {name: values for name, values in (initial_weights(NETWORK) | change).items() if values is not None}
    with pytest.raises(NetworkError, match=words):
        check_weights(NETWORK, weights)


def test_of_many_differences_ten_are_shown_and_the_rest_counted():
    surplus = {f"x{index}.weight": np.zeros(1) for index in range(25)}
    with pytest.raises(NetworkError, match=r"x9\.weight.*and 15 more"):
        check_weights(NETWORK, initial_weights(NETWORK) | surplus)
