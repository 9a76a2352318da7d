from pathlib import Path

import numpy as np
import pytest
import torch

from eyebright.errors import DataError, SettingsError
from eyebright.network import Weights, initial_weights
from eyebright.training.events import AnyEvent, EpochEnded, PrecisionChosen, Resumed, StepDone, Stopped
from eyebright.training.fit import fit, predict_logits
from eyebright.training.settings import Settings


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def nothing(event: AnyEvent) -> None:
    del event


class InterruptedAt:
    """Stands for a Ctrl-C in the first step of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.events: list[AnyEvent] = []

    def __call__(self, event: AnyEvent) -> None:
        self.events.append(event)
        if isinstance(event, StepDone) and event.epoch == self.epoch:
            raise KeyboardInterrupt


def test_learns_what_can_be_learned(job):
    outcome = fit(*job._replace(settings=job.settings.changed({"epochs": 8})), emit=nothing)
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    assert (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean() >= 0.8


def test_same_seed_gives_identical_weights(job):
    first, second = fit(*job, emit=nothing), fit(*job, emit=nothing)
    assert same(first.weights, second.weights)


def test_another_seed_gives_other_weights(job):
    other = job._replace(settings=job.settings.changed({"seed": 6}))
    assert not same(fit(*job, emit=nothing).weights, fit(*other, emit=nothing).weights)


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_resumed_training_ends_with_the_weights_of_one_that_was_never_stopped(job, tmp_path: Path, epoch):
    whole = fit(*job, emit=nothing)
    receiver = InterruptedAt(epoch)
    outcome = fit(*job, emit=receiver, checkpoint_folder=tmp_path / "checkpoint")
    assert outcome.reason == "interrupted"
    chosen = next(event for event in receiver.events if isinstance(event, PrecisionChosen))
    events: list[AnyEvent] = []
    resumed = fit(*job, emit=events.append, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen)
    assert events[0] == Resumed(epoch=epoch - 1, time_s=events[0].time_s)
    assert same(resumed.weights, whole.weights)


def course(events: list[AnyEvent]) -> dict[int, tuple[float, ...]]:
    """What was told of each epoch, at last."""
    ended = [event for event in events if isinstance(event, EpochEnded)]
    return {event.epoch: (event.train_loss, event.train_accuracy, event.validation_loss) for event in ended}


class StoppedAfter:
    """Stands for a kill after so many steps of the whole training."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.events: list[AnyEvent] = []

    def __call__(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.left -= isinstance(event, StepDone)
        if self.left < 0:
            raise RuntimeError("killed")


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 11])
def test_a_training_goes_on_within_an_epoch_to_the_same_weights_and_figures(job, tmp_path: Path, steps):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    told: list[AnyEvent] = []
    whole = fit(*job, emit=told.append)
    receiver = StoppedAfter(steps)
    with pytest.raises(RuntimeError, match="killed"):
        fit(*job, emit=receiver, checkpoint_folder=tmp_path / "checkpoint")
    assert len(list((tmp_path / "checkpoint").iterdir())) == min(steps, 2)
    chosen = next(event for event in receiver.events if isinstance(event, PrecisionChosen))
    resumed = fit(*job, emit=receiver.events.append, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen)
    assert same(resumed.weights, whole.weights)
    assert course(receiver.events) == course(told)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(job, tmp_path: Path):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    whole = fit(*job, emit=nothing)
    receiver = StoppedAfter(7)
    with pytest.raises(RuntimeError, match="killed"):
        fit(*job, emit=receiver, checkpoint_folder=tmp_path / "checkpoint")
    chosen = next(event for event in receiver.events if isinstance(event, PrecisionChosen))
    _, newest = sorted((tmp_path / "checkpoint").iterdir())
    weights = newest / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert same(
        fit(*job, emit=nothing, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen).weights, whole.weights
    )
    for place in (tmp_path / "checkpoint").iterdir():
        (place / "progress.json").write_text("{")
    with pytest.raises(DataError, match=r"no checkpoint in .* can be read: .*progress\.json"):
        fit(*job, emit=nothing, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen)


def test_an_interrupt_keeps_the_best_epoch_so_far(job):
    receiver = InterruptedAt(3)
    outcome = fit(*job, emit=receiver)
    stopped = receiver.events[-1]
    assert isinstance(stopped, Stopped)
    assert (stopped.reason, stopped.epoch) == ("interrupted", 2)
    assert outcome.weights.keys() == job.weights.keys()


def test_an_interrupt_before_anything_is_learned_goes_on_upwards(job):
    with pytest.raises(KeyboardInterrupt):
        fit(*job, emit=InterruptedAt(1))


def test_the_weights_of_the_best_epoch_are_kept(job):
    events: list[AnyEvent] = []
    outcome = fit(*job, emit=events.append)
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    best = max(epochs, key=lambda epoch: (epoch.validation_accuracy, -epoch.validation_loss))
    assert [epoch.epoch for epoch in epochs if epoch.best][-1] == best.epoch
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    right = (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean()
    assert right == pytest.approx(best.validation_accuracy)


def test_stops_early_where_nothing_gets_better(job):
    events: list[AnyEvent] = []
    settings = Settings(epochs=50, batch_size=8, learning_rate=1e-9, patience=2, warmup_epochs=0)
    outcome = fit(*job._replace(settings=settings), emit=events.append)
    assert outcome.reason == "patience"
    assert sum(isinstance(event, EpochEnded) for event in events) < 50


def test_every_training_picture_is_seen_once_an_epoch(job):
    events: list[AnyEvent] = []
    fit(*job, emit=events.append)
    last = [event for event in events if isinstance(event, StepDone) and event.epoch == 2][-1]
    assert last.pictures == last.of == len(job.material.train)


def test_a_loss_that_is_no_number_stops_with_advice(job):
    weights = dict(job.weights) | {"dense_2.bias": np.full(3, np.nan, np.float32)}
    with pytest.raises(SettingsError, match=r"loss became nan in epoch 1, step 0: try a learning rate below"):
        fit(*job._replace(weights=weights), emit=nothing)


def test_leaves_the_random_numbers_and_threads_of_the_caller_alone(job):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    fit(*job, emit=nothing)
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads


def test_choosing_the_precision_leaves_no_trace(job, monkeypatch):
    """Wherever the processor has bfloat16, steps are tried; the training after them must be the same."""
    plain = fit(*job, emit=nothing)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr("eyebright.training.precision._WORTHWHILE", 1e9)
    assert same(fit(*job, emit=nothing).weights, plain.weights)


def test_trains_in_bfloat16_when_asked(job):
    events: list[AnyEvent] = []
    fit(*job._replace(settings=job.settings.changed({"precision": "bfloat16", "epochs": 1})), emit=events.append)
    chosen = next(event for event in events if isinstance(event, PrecisionChosen))
    assert (chosen.precision, chosen.reason) == ("bfloat16", "as asked")


def test_initial_weights_are_not_changed(job):
    before = {name: values.copy() for name, values in job.weights.items()}
    fit(*job, emit=nothing)
    assert same(before, job.weights)
    assert same(before, initial_weights(job.network, 5))
