import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from eyebright.network import Weights, initial_weights
from eyebright.network.torch import TorchNetwork
from eyebright.system.errors import DataError, SettingsError
from eyebright.training.budget import Deadline, Plan
from eyebright.training.events import AnyEvent, EpochEnded, Planned, PrecisionChosen, Resumed, StepDone, Stopped
from eyebright.training.settings import Settings
from eyebright.training.torch import checkpoint
from eyebright.training.torch.feed import Feed
from eyebright.training.torch.fit import fit, judge, predict_logits
from eyebright.training.torch.learner import Learner


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


def test_an_epoch_tells_how_many_pictures_it_had_though_the_budget_cut_it_short(job, monkeypatch):
    left = iter((99, 7, 2))  # steps that fit, asked before, at first, after an epoch; one has 5, of 36 pictures
    monkeypatch.setattr(Plan, "more_steps", lambda plan: next(left))
    events: list[AnyEvent] = []
    fit(*job, emit=events.append, deadline=Deadline(60, time.monotonic(), 0))
    assert [event.pictures for event in events if isinstance(event, EpochEnded)] == [36, 16]


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


RECIPES = [
    {},
    {"ema": 0.9, "schedule": "one-cycle"},
    {"optimizer": "sgd", "weight_decay": 5e-4, "learning_rate": 0.02, "clip_norm": 1.0, "ema": 0.99},
    {"accumulation": 3, "batch_size": 3, "class_weights": "balanced", "momentum": 0.0},
    {"sampling": "balanced", "mixup": 0.2, "stage_decay": 0.7, "frozen": ("conv_1",)},
]


@pytest.mark.parametrize(
    ("recipe", "steps"),
    [*((RECIPES[0], steps) for steps in (1, 2, 5, 6, 11)), *((recipe, 7) for recipe in RECIPES[1:])],
)
def test_a_training_goes_on_within_an_epoch_to_the_same_weights_and_figures(job, tmp_path: Path, steps, recipe):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0, **recipe}))
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


def test_a_loss_that_is_no_number_stops_with_advice_and_names_step_and_pictures(job):
    weights = dict(job.weights) | {"dense_2.bias": np.full(3, np.nan, np.float32)}
    names = [f"a/{number}\n.png" for number in range(len(job.material.labels))]
    job = job._replace(weights=weights, material=job.material._replace(names=names))
    with pytest.raises(
        SettingsError,
        match=r"loss became nan in epoch 1, step 0, on (a/\d+\\n.png, ){7}a/\d+\\n.png: try a learning rate below",
    ) as caught:
        fit(*job, emit=nothing)
    train = {f"a/{number}\\n.png" for number in job.material.train}
    assert set(str(caught.value).split(" on ")[1].split(": try")[0].split(", ")) <= train


WILD = {"optimizer": "sgd", "weight_decay": 0.0, "learning_rate": 100.0, "schedule": "constant", "warmup_epochs": 0.0}


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_last_good_state_is_left_and_learns_on_at_a_lower_rate(job, tmp_path: Path, ema):
    """Kept is the end of the first epoch: weights that are still numbers, but thrown far off, would not learn on."""
    calm = job._replace(settings=job.settings.changed({"ema": ema, **WILD, "learning_rate": 1e-3}))
    receiver = StoppedAfter(7)
    with pytest.raises(RuntimeError, match="killed"):
        fit(*calm, emit=receiver, checkpoint_folder=tmp_path / "checkpoint")
    chosen = next(event for event in receiver.events if isinstance(event, PrecisionChosen))
    wild = job._replace(settings=calm.settings.changed({"learning_rate": 100.0}))
    with pytest.raises(
        SettingsError, match=r"became (nan|inf).* in epoch 2, step \d, on .*the last good state is kept"
    ):
        fit(*wild, emit=nothing, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen)
    for place in (tmp_path / "checkpoint").iterdir():
        assert all(np.isfinite(values).all() for values in load_file(place / "weights.safetensors").values())
    outcome = fit(*calm, emit=nothing, checkpoint_folder=tmp_path / "checkpoint", resume_with=chosen)
    assert outcome.reason == "finished"


def test_weights_that_are_no_numbers_are_not_kept(job, tmp_path: Path, monkeypatch):
    """A gradient may overflow while the loss is still a number."""
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    learn = Learner.learn

    def overflowing(self, batches, count, *, step, rate):
        learned = learn(self, batches, count, step=step, rate=np.inf if step == 3 else rate)
        assert np.isfinite(learned.loss)
        return learned

    monkeypatch.setattr(Learner, "learn", overflowing)
    with pytest.raises(SettingsError, match=r"the weights became nan or infinite in epoch 1, step 3, on picture"):
        fit(*job, emit=nothing, checkpoint_folder=tmp_path / "checkpoint")
    assert sorted(place.name for place in (tmp_path / "checkpoint").iterdir()) == ["000000002", "000000003"]


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
    monkeypatch.setattr("eyebright.training.torch.hardware._WORTHWHILE", 1e9)
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


@pytest.mark.parametrize("recipe", RECIPES[1:], ids=["mean", "sgd", "added up", "balanced"])
def test_every_recipe_learns_what_can_be_learned(job, recipe):
    outcome = fit(*job._replace(settings=job.settings.changed({"epochs": 12, **recipe})), emit=nothing)
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    assert (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean() >= 0.8


def test_the_mean_of_the_weights_is_what_is_kept(job):
    """The best epoch's figure is that of the weights that come out."""
    events: list[AnyEvent] = []
    outcome = fit(*job._replace(settings=job.settings.changed({"ema": 0.999, "epochs": 3})), emit=events.append)
    plain = fit(*job._replace(settings=job.settings.changed({"epochs": 3})), emit=nothing)
    assert not same(outcome.weights, plain.weights)
    best = [event for event in events if isinstance(event, EpochEnded) and event.best][-1]
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    labels = job.material.labels[job.material.validation]
    loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels])
    assert loss == pytest.approx(best.validation_loss, rel=1e-4)


def test_an_epoch_of_balanced_sampling_has_as_many_of_each_class(job):
    train = job.material.train
    few = np.concatenate([train[job.material.labels[train] != 0], train[job.material.labels[train] == 0][:2]])
    material = job.material._replace(train=few)
    events: list[AnyEvent] = []
    settings = job.settings.changed({"sampling": "balanced", "epochs": 1})
    fit(*job._replace(material=material, settings=settings), emit=events.append)
    last = [event for event in events if isinstance(event, StepDone)][-1]
    assert last.pictures == last.of == 3 * round(len(few) / 3)


def test_a_checkpoint_without_a_mean_begins_one_at_its_weights(job, tmp_path: Path):
    """As versions before this one wrote it, or a training that had none."""
    receiver = StoppedAfter(5)
    with pytest.raises(RuntimeError, match="killed"):
        fit(*job, emit=receiver, checkpoint_folder=tmp_path / "checkpoint")
    (place,) = (tmp_path / "checkpoint").iterdir()
    assert not (place / "average.safetensors").exists()
    learner = Learner(job.network, job.weights, job.settings.changed({"ema": 0.9}), job.material.labels)
    learner.restore(checkpoint.load(tmp_path / "checkpoint", learner.module.network, learner.moved))
    assert same(learner.judged.get_weights(), load_file(place / "weights.safetensors"))


def test_how_long_the_epochs_will_take_is_said_before_the_first(job):
    events: list[AnyEvent] = []
    fit(*job, emit=events.append)
    first = next(index for index, event in enumerate(events) if isinstance(event, StepDone))
    steps = sum(isinstance(event, StepDone) for event in events)
    (plan,) = [event for event in events[:first] if isinstance(event, Planned)]
    assert (plan.steps, plan.epochs) == (steps, job.settings.epochs) and plan.seconds > 0


def test_loss_and_accuracy_are_those_of_the_formulas(job):
    score = judge(TorchNetwork(job.network, job.weights), Feed(job.material, job.settings, 3), "float32")
    validation = job.material.validation
    logits = predict_logits(job.network, job.weights, job.material.pack, validation).astype(np.float64)
    labels = job.material.labels[validation]
    right = np.exp(logits)[np.arange(len(labels)), labels] / np.exp(logits).sum(axis=1)
    assert score.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert score.accuracy == np.mean(logits.argmax(axis=1) == labels)
