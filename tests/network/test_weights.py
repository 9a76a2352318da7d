import json
import math
import os
import struct
import sys
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from eyebright.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Parameter,
    ReLU,
    check_weights,
    compare,
    initial_weights,
    read_weights,
    save_weights,
)
from eyebright.network.weights import draw
from eyebright.system.errors import MissingExtraError, NetworkError, OutputError

SHAPE, FAN_IN, FAN_OUT = (200, 500), 500, 200
EXCESS = {
    "he_normal": 2.0,
    "he_uniform": 0.8,
    "glorot_uniform": 0.8,
}  # variance of (x / sigma)^2: normal 2, uniform 4/5
VARIANCE = {"he_normal": 2 / FAN_IN, "he_uniform": 2 / FAN_IN, "glorot_uniform": 2 / (FAN_IN + FAN_OUT)}
RULES = sorted(VARIANCE)


def values(rule: str, seed: int = 0, name: str = "dense.weight") -> np.ndarray:
    return draw(Parameter(SHAPE, rule, FAN_IN, FAN_OUT), seed, name)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_mean_and_variance_are_those_of_the_rule(rule, seed):
    drawn = values(rule, seed).astype(np.float64)
    assert abs(drawn.mean()) < 5 * math.sqrt(VARIANCE[rule] / drawn.size)
    assert abs(drawn.var() / VARIANCE[rule] - 1) < 5 * math.sqrt(EXCESS[rule] / drawn.size)


@pytest.mark.parametrize("rule", ["he_uniform", "glorot_uniform"])
def test_uniform_rules_fill_their_interval_and_do_not_leave_it(rule):
    limit = math.sqrt(3 * VARIANCE[rule])
    assert 0.999 * limit < np.abs(values(rule)).max() <= np.float32(limit)


def test_he_normal_has_normal_tails():
    assert abs((np.abs(values("he_normal")) > 2 * math.sqrt(2 / FAN_IN)).mean() - 0.0455) < 0.004


@pytest.mark.parametrize("rule", RULES)
def test_the_same_seed_and_name_give_the_same_values(rule):
    assert np.array_equal(values(rule), values(rule))


@pytest.mark.parametrize(("seed", "name"), [(1, "dense.weight"), (0, "dense.weights"), (-1, "dense.weight")])
def test_other_seeds_and_names_give_independent_values(seed, name):
    first, second = values("he_normal").ravel(), values("he_normal", seed, name).ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(first.size)


@pytest.mark.parametrize(("rule", "value"), [("zeros", 0), ("ones", 1)])
def test_constant_rules(rule, value):
    assert np.array_equal(draw(Parameter((3, 2), rule), 0, "x"), np.full((3, 2), value, np.float32))


def test_a_layer_keeps_its_weights_whatever_stands_around_it():
    head = [Flatten(), Linear(5, name="head")]
    one = Network.sequential(Input((3, 6, 6)), *head)
    other = Network.sequential(Input((3, 6, 6)), Conv2d(3, 3, padding="same"), ReLU(), *head)
    assert np.array_equal(initial_weights(one, 3)["head.weight"], initial_weights(other, 3)["head.weight"])


def test_every_tensor_has_its_name_shape_and_float32():
    weights = initial_weights(Network.sequential(Input((4, 6, 6)), Conv2d(8, 3, groups=2, name="c"), Flatten()))
    assert {name: tensor.shape for name, tensor in weights.items()} == {"c.weight": (8, 2, 3, 3), "c.bias": (8,)}
    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float32)}
    assert not weights["c.bias"].any()


def test_layers_choose_their_rule():
    network = Network.sequential(Input((1000,)), Linear(100, name="a"), Linear(1000, initializer="he_normal", name="b"))
    weights = initial_weights(network)
    assert abs(weights["a.weight"].var() * (1000 + 100) / 2 - 1) < 0.03
    assert abs(weights["b.weight"].var() * 100 / 2 - 1) < 0.03


def test_a_network_too_large_to_be_meant_is_refused_before_memory_is_taken():
    network = Network.sequential(Input((3, 20_000, 20_000)), Flatten(), Linear(9000))
    with pytest.raises(NetworkError, match=r"10,800,000,009,000 parameters are more than .*weight smaller, which is"):
        initial_weights(network)


WEIGHTS = {"head.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "head.bias": np.array([0.5, -1], np.float32)}


def alike(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)
    return True


class Intruder:
    """Unpickled without care, it makes a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


def test_weights_survive_a_file_and_the_suffix_is_added(tmp_path):
    file = save_weights(tmp_path / "ckpt", WEIGHTS)
    assert file == tmp_path / "ckpt.safetensors"
    assert alike(read_weights(tmp_path / "ckpt"), WEIGHTS) and alike(read_weights(str(file)), WEIGHTS)


def test_a_suffix_that_is_there_is_kept_and_another_one_stays_before_it(tmp_path):
    assert save_weights(tmp_path / "a.safetensors", WEIGHTS).name == "a.safetensors"
    assert save_weights(tmp_path / "epoch.12", WEIGHTS).name == "epoch.12.safetensors"
    assert alike(read_weights(tmp_path / "epoch.12"), WEIGHTS)


def test_the_file_is_that_of_the_format(tmp_path):
    """Eight bytes with the header's length, a JSON header, then the values in little endian."""
    content = save_weights(tmp_path / "ckpt", WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, values = json.loads(content[8 : 8 + length]), content[8 + length :]
    for name, expected in WEIGHTS.items():
        begin, end = header[name]["data_offsets"]
        assert (header[name]["dtype"], header[name]["shape"]) == ("F32", list(expected.shape))
        assert values[begin:end] == expected.astype("<f4").tobytes()


def test_arrays_that_lie_otherwise_in_memory_are_written_by_value(tmp_path):
    turned = {"a": WEIGHTS["head.weight"].T, "b": WEIGHTS["head.weight"][:, ::2]}
    assert alike(read_weights(save_weights(tmp_path / "ckpt", turned)), turned)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    save_weights(tmp_path / "ckpt", WEIGHTS)
    with pytest.raises(OutputError, match=r"nowhere.*cannot be written"):
        save_weights(tmp_path / "nowhere" / "ckpt", WEIGHTS)
    assert [file.name for file in tmp_path.iterdir()] == ["ckpt.safetensors"]


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_numbers_of_every_width_become_float32(tmp_path, kind):
    save_file({"a": torch.tensor([1.5, -2, 0.25]).to(kind)}, tmp_path / "a.safetensors")
    expected = [1, -2, 0] if kind == torch.int32 else [1.5, -2, 0.25]
    assert alike(read_weights(tmp_path / "a"), {"a": np.array(expected, np.float32)})


def test_batch_counters_of_pytorch_are_left_out(tmp_path):
    norm = torch.nn.BatchNorm2d(2)
    save_file({f"norm.{name}": values for name, values in norm.state_dict().items()}, tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a").keys() == {
        f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }


@pytest.mark.parametrize("name", ["missing.safetensors", "missing.pth", "missing", ""])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(NetworkError, match=rf"there is no file .*{name}: give a file of weights, such as ckpt"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:8] + b"?" + content[9:],
        lambda content: struct.pack("<Q", 2**62) + content[8:],
        lambda content: content.replace(b'"F32"', b'"F99"'),
        lambda content: content.replace(b"[2,3]", b"[2,9]"),
        lambda content: b"PK\3\4" + content,
        lambda content: b"just some text, longer than a header",
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    file = save_weights(tmp_path / "ckpt", WEIGHTS)
    content = file.read_bytes()
    assert damage(content) != content
    file.write_bytes(damage(content))
    with pytest.raises(NetworkError, match=r"ckpt\.safetensors is damaged, or no safetensors file"):
        read_weights(file)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_warned_of_and_named(tmp_path, value):
    broken = WEIGHTS | {"head.bias": np.array([value, 1], np.float32)}
    file = save_weights(tmp_path / "ckpt", broken)
    with pytest.warns(UserWarning, match=r"ckpt\.safetensors holds values that are no finite numbers, in head\.bias"):
        found = read_weights(file)
    assert alike(found, broken)


def test_values_beyond_float32_are_warned_of_once(tmp_path):
    save_file({"a": torch.tensor([1e300], dtype=torch.float64)}, tmp_path / "a.safetensors")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_weights(tmp_path / "a")
    assert ["no finite numbers" in str(warning.message) for warning in caught] == [True]


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "a.ckpt", "A.PTH"])
def test_what_pytorch_pickles_needs_torch_to_be_read(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=rf"{name} is a pickle of PyTorch's.*pip install 'eyebright\[train\]'"):
        read_weights(tmp_path / name)


def test_a_state_dict_is_read(tmp_path):
    tensors = {name: torch.from_numpy(values) for name, values in WEIGHTS.items()}
    torch.save(tensors, tmp_path / "a.pth")
    assert alike(read_weights(tmp_path / "a.pth"), WEIGHTS)


def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path):
    intruder = Intruder(tmp_path / "made")
    torch.save({"head.weight": torch.zeros(1), "head.bias": intruder}, tmp_path / "a.pth")
    with pytest.raises(NetworkError, match=r"a\.pth is refused: it holds something other than tensors, .* code"):
        read_weights(tmp_path / "a.pth")
    assert not (tmp_path / "made").exists()
    torch.load(tmp_path / "a.pth", weights_only=False)
    assert (tmp_path / "made").exists()  # the code was there and works


def test_python_files_in_the_working_folder_do_not_run(tmp_path, monkeypatch):
    """Who unpacks weights and asks for them there must not run what lies beside them."""
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
    (tmp_path / "torch.py").write_text(f"import os; os.mkdir({str(tmp_path / 'made')!r})")
    monkeypatch.chdir(tmp_path)
    assert alike(read_weights("a.pth"), {"a": np.ones(1, np.float32)})
    assert not (tmp_path / "made").exists()


def test_a_reader_that_is_stopped_is_an_error_of_ours(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_bytes(b"")
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(NetworkError, match=r"a\.pth is refused: the process that read it was stopped"):
        read_weights(tmp_path / "a.pth")


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
