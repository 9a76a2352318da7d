import numpy as np
import pytest

from eyebright.errors import NetworkError
from eyebright.network import BatchNorm, Flatten, Input, Linear, Network, check_weights, compare, initial_weights

NETWORK = Network.sequential(Input((3,)), Linear(2, name="head"))


def test_the_weights_of_the_network_pass():
    assert check_weights(NETWORK, initial_weights(NETWORK)) is None


def test_the_report_of_a_complete_match_names_all_tensors_and_passes():
    report = compare(NETWORK, initial_weights(NETWORK))
    assert report == (("head.weight", "head.bias"), (), (), {})
    assert report.complete and report.assert_consumed() is None
    assert str(report) == "2 tensors fit"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head.bias": None}, r"1 tensors fit; 1 missing \(head\.bias\)$"),
        ({"tail.bias": np.zeros(1)}, r"2 tensors fit; 1 unexpected \(tail\.bias\)$"),
        (
            {"head.weight": np.zeros((3, 2))},
            r"1 tensors fit; 1 of another shape \(head\.weight: expected \(2, 3\), got \(3, 2\)\)$",
        ),
        ({"head.weight": np.zeros(6)}, r"head\.weight: expected \(2, 3\), got \(6,\)"),
        ({"head.bias": np.zeros(())}, r"head\.bias: expected \(2,\), got \(\)"),
        (
            {"head.bias": None, "head.weight": np.zeros((3, 2)), "a": np.zeros(1), "b": np.zeros(1)},
            r"0 tensors fit; 1 missing \(head\.bias\); 2 unexpected \(a, b\); 1 of another shape \(head\.weight",
        ),
    ],
)
def test_missing_surplus_and_misshapen_weights_are_told(change, words):
    weights = {name: values for name, values in (initial_weights(NETWORK) | change).items() if values is not None}
    assert not compare(NETWORK, weights).complete
    with pytest.raises(NetworkError, match=f"do not fit the network: .*{words}"):
        check_weights(NETWORK, weights)


def test_running_statistics_belong_to_the_weights():
    network = Network.sequential(Input((3, 4, 4)), BatchNorm(name="norm"), Flatten(), Linear(2, name="head"))
    weights = initial_weights(network)
    del weights["norm.running_var"]
    assert compare(network, weights).missing == ("norm.running_var",)


def test_of_many_names_ten_are_shown_and_the_rest_counted_and_the_report_has_them_all():
    surplus = {f"x{index}.weight": np.zeros(1) for index in range(25)}
    weights = initial_weights(NETWORK) | surplus
    with pytest.raises(NetworkError, match=r"25 unexpected \(x0\.weight.*x9\.weight, and 15 more\)"):
        check_weights(NETWORK, weights)
    assert compare(NETWORK, weights).unexpected == tuple(surplus)


def test_every_difference_of_shape_is_listed():
    layers = [Linear(4 + index, name=f"layer_{index}") for index in range(15)]
    there, back = (Network.sequential(Input((3,)), *row) for row in (layers, layers[::-1]))
    with pytest.raises(NetworkError) as caught:
        check_weights(there, initial_weights(back))
    differing = {name for name in there.tensors if there.tensors[name].shape != back.tensors[name].shape}
    assert len(differing) > 10
    assert all(f"{name}: expected {there.tensors[name].shape}" in str(caught.value) for name in differing)
