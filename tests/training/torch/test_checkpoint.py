from pathlib import Path

import numpy as np
import pytest
import torch

from eyebright.network import Flatten, Input, Linear, Network, initial_weights
from eyebright.system.errors import DataError
from eyebright.training.schedule import Position
from eyebright.training.torch import checkpoint
from eyebright.training.torch.checkpoint import Keeper, State

NETWORK = Network.sequential(Input((3, 2, 2)), Flatten(), Linear(2, name="head"))
PARAMETERS = [torch.zeros(2, 12), torch.zeros(2)]


def state(step: int, **changes) -> State:
    weights = initial_weights(NETWORK, step)
    moments = {"0.exp_avg": torch.full((2, 12), float(step)), "0.step": torch.tensor(float(step))}
    return State(Position(step=step, epoch=1, best_loss=0.5), weights, {}, {}, moments)._replace(**changes)


def same(one: State, other: State) -> bool:
    weights = zip(one[1:4], other[1:4], strict=True)
    return (
        one.progress == other.progress
        and all(a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a) for a, b in weights)
        and one.moments.keys() == other.moments.keys()
        and all(torch.equal(one.moments[name], other.moments[name]) for name in one.moments)
    )


def test_the_newest_of_two_checkpoints_comes_back_as_it_was(tmp_path: Path):
    last = state(12, best=initial_weights(NETWORK, 1), average=initial_weights(NETWORK, 2))
    for one in (state(9), state(10), last):
        checkpoint.save(tmp_path, one)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["000000010", "000000012"]
    assert same(checkpoint.load(tmp_path, NETWORK, PARAMETERS), last)


def test_what_a_kill_left_unfinished_is_removed_by_the_next_checkpoint(tmp_path: Path):
    (tmp_path / ".000000009.partial").mkdir()
    checkpoint.save(tmp_path, state(10))
    assert [place.name for place in tmp_path.iterdir()] == ["000000010"]


@pytest.mark.parametrize(
    "damage", [lambda content: b"{", lambda content: content[:-4] + bytes(4), lambda content: bytes(len(content))]
)
@pytest.mark.parametrize(
    "name", ["progress.json", "weights.safetensors", "best.safetensors", "optimizer.safetensors", "sha256.json"]
)
def test_a_checkpoint_with_a_damaged_file_is_passed_over(tmp_path: Path, name, damage):
    for one in (state(10), state(11)):
        checkpoint.save(tmp_path, one._replace(best=initial_weights(NETWORK, 5)))
    file = tmp_path / "000000011" / name
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match=r"passed over a damaged checkpoint \(000000011: "):
        found = checkpoint.load(tmp_path, NETWORK, PARAMETERS)
    assert same(found, state(10)._replace(best=initial_weights(NETWORK, 5)))
    file = tmp_path / "000000010" / name
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=r"no checkpoint in .* can be read: 000000011: .*; 000000010: .*--from"):
        checkpoint.load(tmp_path, NETWORK, PARAMETERS)


def test_a_checkpoint_of_an_older_version_has_no_digests(tmp_path: Path):
    checkpoint.save(tmp_path, state(10))
    (tmp_path / "000000010" / "sha256.json").unlink()
    assert same(checkpoint.load(tmp_path, NETWORK, PARAMETERS), state(10))


def test_a_folder_without_checkpoints_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="can be read: the folder has none"):
        checkpoint.load(tmp_path / "missing", NETWORK, PARAMETERS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": {"head.weight": np.zeros((2, 12), np.float32)}}, "with another network: .*head.bias"),
        ({"best": {"other.weight": np.zeros(1, np.float32)}}, "with another network"),
        ({"moments": {"2.exp_avg": torch.zeros(2)}}, "the optimizer state 2.exp_avg does not fit"),
        ({"moments": {"1.exp_avg": torch.zeros(3)}}, "the optimizer state 1.exp_avg does not fit"),
    ],
)
def test_the_state_of_another_training_is_refused(tmp_path: Path, changes, words):
    checkpoint.save(tmp_path, state(10, **changes))
    with pytest.raises(DataError, match=f"belongs to another run.*{words}"):
        checkpoint.load(tmp_path, NETWORK, PARAMETERS)


class Clock:
    """A clock that moves only when it is told to; writing a checkpoint takes two seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(checkpoint, "time", self)
        monkeypatch.setattr(checkpoint, "save", self.save)

    def monotonic(self) -> float:
        return self.now

    def save(self, folder: Path, one: State) -> None:
        self.now += 2


@pytest.mark.parametrize(("pause_s", "next_s"), [(30, 100), (200, 200)])
def test_a_checkpoint_within_an_epoch_waits_fifty_times_as_long_as_one_takes(tmp_path, monkeypatch, pause_s, next_s):
    clock = Clock(monkeypatch)
    keeper = Keeper(tmp_path, pause_s)
    assert not keeper.due
    clock.now += pause_s
    assert keeper.due and keeper.keep(state(1)) and keeper.kept
    clock.now += next_s - 0.1
    assert not keeper.due
    clock.now += 0.2
    assert keeper.due


def test_without_a_pause_a_checkpoint_is_due_after_every_step(tmp_path, monkeypatch):
    Clock(monkeypatch)
    keeper = Keeper(tmp_path, 0)
    assert keeper.due and keeper.keep(state(1)) and keeper.due


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path):
    keeper = Keeper(tmp_path, 0)
    weights = initial_weights(NETWORK, 0) | {"head.bias": np.array([0, np.inf], np.float32)}
    assert not keeper.keep(state(1, weights=weights))
    assert not keeper.kept and not list(tmp_path.iterdir())


def test_without_a_folder_nothing_is_due_written_or_loaded():
    keeper = Keeper(None, 0)
    assert not keeper.due and keeper.keep(state(1)) and not keeper.kept
    assert keeper.load(NETWORK, PARAMETERS) is None


def test_a_keeper_that_loaded_a_state_has_kept_one(tmp_path: Path):
    checkpoint.save(tmp_path, state(10))
    keeper = Keeper(tmp_path, 0)
    assert same(keeper.load(NETWORK, PARAMETERS), state(10)) and keeper.kept
