"""The loop: epochs, interruptions, checkpoints, a budget, divergence. Several processes are in test_distributed.py."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.training.torch.making import KilledAfter, kill, nothing, same

from eyebright.system.errors import DataError, SettingsError
from eyebright.training.budget import Deadline, Plan
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import DeviceChanged, EpochEnded, Planned, PrecisionChosen, Stopped
from eyebright.training.events.starting import Resumed
from eyebright.training.settings import Settings
from eyebright.training.torch import loop
from eyebright.training.torch.fit import fit, predict_logits
from eyebright.training.torch.learner import Learner


class InterruptedAt:
    """A receiver of events that presses Ctrl-C in the first step of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepDone) and event.epoch == self.epoch:
            raise KeyboardInterrupt


def curve(events: list[Event]) -> dict[int, tuple[float, ...]]:
    """The figures of each epoch, as reported last."""
    ended = [event for event in events if isinstance(event, EpochEnded)]
    return {event.epoch: (event.train_loss, event.running_loss, event.validation_loss) for event in ended}


@pytest.mark.parametrize("epoch", [2, 4])
def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(job, tmp_path: Path, epoch):
    whole = fit(*job, emit=nothing)
    outcome = fit(*job, emit=InterruptedAt(epoch), checkpoint_folder=tmp_path / "checkpoint")
    assert outcome.reason == "interrupted"
    events: list[Event] = []
    resumed = fit(*job, emit=events.append, checkpoint_folder=tmp_path / "checkpoint", resume=True)
    assert events[0] == Resumed(epoch=epoch - 1, time_s=events[0].time_s)
    assert not any(isinstance(event, PrecisionChosen) for event in events)
    assert same(resumed.weights, whole.weights)


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
def test_a_training_resumes_within_an_epoch_to_the_same_weights_and_figures(job, tmp_path: Path, steps, recipe):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0, **recipe}))
    expected: list[Event] = []
    whole = fit(*job, emit=expected.append)
    events = kill(job, tmp_path / "checkpoint", steps)
    assert len(list((tmp_path / "checkpoint").iterdir())) == min(steps, 2)
    resumed = fit(*job, emit=events.append, checkpoint_folder=tmp_path / "checkpoint", resume=True)
    assert same(resumed.weights, whole.weights)
    assert curve(events) == curve(expected)


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(job, tmp_path: Path):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    whole = fit(*job, emit=nothing)
    kill(job, tmp_path, 7)
    _, newest = sorted(tmp_path.iterdir())
    weights = newest / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"damaged checkpoint \(\d+: weights\.safetensors is damaged"):
        assert same(fit(*job, emit=nothing, checkpoint_folder=tmp_path, resume=True).weights, whole.weights)
    for place in tmp_path.iterdir():
        (place / "progress.json").write_text("{")
    with pytest.raises(DataError, match=r"no checkpoint in .* can be read: .*progress\.json"):
        fit(*job, emit=nothing, checkpoint_folder=tmp_path, resume=True)


def test_an_interrupt_keeps_the_best_epoch_so_far(job):
    receiver = InterruptedAt(3)
    outcome = fit(*job, emit=receiver)
    stopped = receiver.events[-1]
    assert isinstance(stopped, Stopped)
    assert (stopped.reason, stopped.epoch) == ("interrupted", 2)
    assert outcome.weights.keys() == job.weights.keys()


def test_an_interrupt_before_the_first_epoch_ends_is_raised(job):
    receiver = InterruptedAt(1)
    with pytest.raises(KeyboardInterrupt):
        fit(*job, emit=receiver)
    assert not any(isinstance(event, Stopped) for event in receiver.events)


def test_the_weights_of_the_best_epoch_are_kept(job):
    events: list[Event] = []
    outcome = fit(*job, emit=events.append)
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    best = max(epochs, key=lambda epoch: (epoch.validation_accuracy, -epoch.validation_loss))
    assert [epoch.epoch for epoch in epochs if epoch.best][-1] == best.epoch
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    correct = (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean()
    assert correct == pytest.approx(best.validation_accuracy)


def test_training_and_validation_are_measured_in_the_same_way_after_an_epoch(job):
    """Without augmentation, dropout and label smoothing: as the network that comes out answers plain images."""
    changes = {"epochs": 1, "label_smoothing": 0.3, "rotation": 0.1, "mixup": 0.5, "class_weights": "balanced"}
    job = job._replace(settings=job.settings.changed(changes))
    events: list[Event] = []
    outcome = fit(*job, emit=events.append)
    (ended,) = (event for event in events if isinstance(event, EpochEnded))
    material = job.material
    for indices, loss, accuracy in (
        (material.train, ended.train_loss, ended.train_accuracy),  # so few images are all in the sample
        (material.validation, ended.validation_loss, ended.validation_accuracy),
    ):
        logits = torch.from_numpy(predict_logits(job.network, outcome.weights, material.pack, indices))
        labels = torch.from_numpy(material.labels[indices])
        assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-4)
        assert accuracy == pytest.approx(float((logits.argmax(dim=1) == labels).float().mean()))
    assert ended.sample == len(material.train)
    last = [event for event in events if isinstance(event, StepDone)][-1]
    assert (ended.running_loss, ended.running_accuracy) == (last.loss, last.accuracy)
    assert abs(ended.running_loss - ended.train_loss) > 1e-3


def test_the_average_of_the_weights_is_what_is_kept(job):
    """The loss of the best epoch is that of the weights that come out."""
    events: list[Event] = []
    outcome = fit(*job._replace(settings=job.settings.changed({"ema": 0.999, "epochs": 3})), emit=events.append)
    plain = fit(*job._replace(settings=job.settings.changed({"epochs": 3})), emit=nothing)
    assert not same(outcome.weights, plain.weights)
    best = [event for event in events if isinstance(event, EpochEnded) and event.best][-1]
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    labels = job.material.labels[job.material.validation]
    loss = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels])
    assert loss == pytest.approx(best.validation_loss, rel=1e-4)


def test_training_stops_early_when_nothing_improves(job):
    events: list[Event] = []
    settings = Settings(epochs=50, batch_size=8, learning_rate=1e-9, patience=2, warmup_epochs=0)
    outcome = fit(*job._replace(settings=settings), emit=events.append)
    assert outcome.reason == "patience"
    assert sum(isinstance(event, EpochEnded) for event in events) < 50


def test_a_next_leg_starts_although_the_one_before_stopped_early(job, tmp_path: Path):
    """With a learning rate near 0 nothing improves; the next leg starts with new patience."""
    quiet = job.settings.changed({"epochs": 30, "learning_rate": 1e-9, "patience": 1, "warmup_epochs": 0})
    runs = []
    for settings in (quiet, quiet.changed({"epochs": 60, "extended_at": [30]})):
        events: list[Event] = []
        fit(*job._replace(settings=settings), emit=events.append, checkpoint_folder=tmp_path, resume=bool(runs))
        runs.append([event.epoch for event in events if isinstance(event, EpochEnded)])
    first, second = runs
    assert first[-1] < 30
    assert second[0] == first[-1] + 1
    assert second[-1] < 60


def test_every_training_image_is_used_once_an_epoch(job):
    events: list[Event] = []
    fit(*job, emit=events.append)
    last = [event for event in events if isinstance(event, StepDone) and event.epoch == 2][-1]
    assert last.pictures == last.of == len(job.material.train)


def test_an_epoch_of_balanced_sampling_has_as_many_images_of_each_class(job):
    train = job.material.train
    few = np.concatenate([train[job.material.labels[train] != 0], train[job.material.labels[train] == 0][:2]])
    events: list[Event] = []
    settings = job.settings.changed({"sampling": "balanced", "epochs": 1})
    fit(*job._replace(material=job.material._replace(train=few), settings=settings), emit=events.append)
    last = [event for event in events if isinstance(event, StepDone)][-1]
    assert last.pictures == last.of == 3 * round(len(few) / 3)


def test_an_epoch_that_the_budget_cut_short_reports_how_many_images_it_had(job, monkeypatch):
    left = iter((99, 7, 2))  # steps that fit: before the training, at its start, after an epoch; an epoch has 5
    monkeypatch.setattr(Plan, "more_steps", lambda plan: next(left))
    events: list[Event] = []
    outcome = fit(*job, emit=events.append, deadline=Deadline(60, time.monotonic(), 0))
    assert outcome.reason == "budget"
    assert [event.pictures for event in events if isinstance(event, EpochEnded)] == [36, 16]


def test_an_epoch_ends_when_the_time_is_over_and_is_validated(job, monkeypatch):
    checks = iter((False, False, True))
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 50)
    monkeypatch.setattr(Plan, "over", property(lambda plan: next(checks)))
    events: list[Event] = []
    outcome = fit(*job, emit=events.append, deadline=Deadline(60, time.monotonic(), 0))
    assert outcome.reason == "budget" and outcome.weights.keys() == job.weights.keys()
    assert [event.pictures for event in events if isinstance(event, EpochEnded)] == [3 * 8]


def test_a_training_ends_after_enough_epochs_however_much_time_is_left(job, monkeypatch):
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 10_000)
    events: list[Event] = []
    outcome = fit(*job, emit=events.append, deadline=Deadline(60, time.monotonic(), 0, epochs=2))
    assert outcome.reason == "finished"
    planned = [event for event in events if isinstance(event, Planned)]
    assert planned[0].epochs == 2 and planned[0].seconds < 600
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [1, 2]
    assert [event.learning_rate for event in events if isinstance(event, EpochEnded)][-1] < 1e-4  # the schedule ends


def test_time_that_was_used_before_a_stop_counts_in_the_budget_of_a_resumed_training(job, tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 10)
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    with pytest.raises(RuntimeError, match="killed"):
        fit(*job, emit=KilledAfter(3), checkpoint_folder=tmp_path, deadline=Deadline(60, time.monotonic() - 600, 0))
    events: list[Event] = []
    fit(*job, emit=events.append, checkpoint_folder=tmp_path, resume=True, deadline=Deadline(60, time.monotonic(), 0))
    first = next(event for event in events if isinstance(event, Planned))
    assert first.seconds <= 3600 - 600


def test_the_start_is_kept_when_there_is_no_time_for_a_step(job, monkeypatch):
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 0)
    job = job._replace(settings=job.settings.changed({"keep_start_if_better": True}))
    events: list[Event] = []
    outcome = fit(*job, emit=events.append, deadline=Deadline(60, time.monotonic(), 0))
    assert outcome.reason == "budget" and same(outcome.weights, job.weights)
    assert [(event.steps, event.epochs) for event in events if isinstance(event, Planned)] == [(0, 0.0)]


def test_a_budget_leaves_time_to_evaluate_three_means_with_the_start(job, monkeypatch):
    left: list[int] = []

    def planned(deadline: Deadline, *args, **options) -> Plan:
        left.append(deadline.evaluated)
        return Plan(deadline, *args, **options)

    monkeypatch.setattr(loop, "Plan", planned)
    for kept in (False, True):
        settings = job.settings.changed({"keep_start_if_better": kept})
        fit(*job._replace(settings=settings), emit=nothing, deadline=Deadline(60, time.monotonic(), 100, epochs=1))
    assert left == [100, 100 + 3 * len(job.material.validation)]


def test_the_duration_of_all_epochs_is_forecast_before_the_first(job):
    events: list[Event] = []
    fit(*job, emit=events.append)
    first = next(index for index, event in enumerate(events) if isinstance(event, StepDone))
    steps = sum(isinstance(event, StepDone) for event in events)
    (plan,) = [event for event in events[:first] if isinstance(event, Planned)]
    assert (plan.steps, plan.epochs) == (steps, job.settings.epochs) and plan.seconds > 0


def test_a_loss_that_is_not_finite_stops_with_advice_and_names_step_and_images(job):
    weights = dict(job.weights) | {"dense_2.bias": np.full(3, np.nan, np.float32)}
    names = [f"a/{number}\n.png" for number in range(len(job.material.labels))]
    material = job.material._replace(names=names)
    settings = job.settings.changed({"batch_size": 10})
    with pytest.raises(
        SettingsError,
        match=r"loss became nan in epoch 1, step 0, on (a/\d+\\n.png, ){7}a/\d+\\n.png and 2 more: use a learning rate",
    ) as caught:
        fit(job.network, weights, material, settings, emit=nothing)
    train = {f"a/{number}\\n.png" for number in job.material.train}
    assert set(str(caught.value).split(" on ")[1].split(" and 2 more")[0].split(", ")) <= train


WILD = {"optimizer": "sgd", "weight_decay": 0.0, "learning_rate": 100.0, "schedule": "constant", "warmup_epochs": 0.0}


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_last_good_checkpoint_is_kept_and_trains_on_at_a_lower_rate(job, tmp_path: Path, ema):
    """The end of the first epoch is kept: weights that are finite, but far off, would not learn any more."""
    calm = job._replace(settings=job.settings.changed({"ema": ema, **WILD, "learning_rate": 1e-3}))
    kill(calm, tmp_path, 7)
    wild = job._replace(settings=calm.settings.changed({"learning_rate": 100.0}))
    with pytest.raises(
        SettingsError, match=r"became (nan|inf).* in epoch 2, step \d, on .*the last good checkpoint is kept in"
    ):
        fit(*wild, emit=nothing, checkpoint_folder=tmp_path, resume=True)
    for place in tmp_path.iterdir():
        assert all(np.isfinite(values).all() for values in load_file(place / "weights.safetensors").values())
    assert fit(*calm, emit=nothing, checkpoint_folder=tmp_path, resume=True).reason == "finished"


def test_weights_that_are_not_finite_are_not_kept(job, tmp_path: Path, monkeypatch):
    """A gradient may overflow while the loss is still finite."""
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0}))
    learn = Learner.learn

    def overflowing(self, batches, count, *, step, rate, halt):
        learned = learn(self, batches, count, step=step, rate=np.inf if step == 3 else rate, halt=halt)
        assert np.isfinite(learned.loss)
        return learned

    monkeypatch.setattr(Learner, "learn", overflowing)
    with pytest.raises(SettingsError, match=r"the weights became nan or infinite in epoch 1, step 3, on image"):
        fit(*job, emit=nothing, checkpoint_folder=tmp_path)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["000000002", "000000003"]


@pytest.mark.parametrize("recipe", RECIPES[1:], ids=["average", "sgd", "accumulation", "balanced"])
def test_every_recipe_learns(job, recipe):
    outcome = fit(*job._replace(settings=job.settings.changed({"epochs": 12, **recipe})), emit=nothing)
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    assert (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean() >= 0.8


class SmallGpu:
    """Stands for a GPU with memory for a number of images: `Learner.loss` fails on more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        loss = Learner.loss
        self.refused: list[int] = []

        def bounded(learner: Learner, pictures: torch.Tensor, labels: torch.Tensor, precision: str):
            if len(pictures) > most:
                self.refused.append(len(pictures))
                raise torch.OutOfMemoryError("no memory")
            return loss(learner, pictures, labels, precision)

        monkeypatch.setattr(Learner, "loss", bounded)


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_batch_that_does_not_fit_is_halved_and_the_steps_stay_the_same(precision, job, monkeypatch):
    settings = job.settings.changed({"epochs": 2, "flip": False, "precision": precision})
    network = type(job.network).from_json(job.network.to_json().replace('"p": 0.2', '"p": 0.0'))
    job = job._replace(settings=settings, network=network)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    curves: list[list[float]] = []
    for most in (8, 3):
        events: list[Event] = []
        settled: list[Settings] = []
        memory = SmallGpu(monkeypatch, most)
        outcome = fit(*job, emit=events.append, on_settled=settled.append)
        curves.append([event.train_loss for event in events if isinstance(event, EpochEnded)])
    lowered = [(e.batch_size, e.accumulation) for e in events if type(e).__name__ == "BatchLowered"]
    assert lowered == [(4, 2), (2, 4)] and sorted(set(memory.refused)) == [4, 8]
    assert outcome.settings == settled[-1]
    assert (outcome.settings.batch_size, outcome.settings.accumulation) == (2, 4)
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)


def test_a_step_that_runs_out_of_memory_is_made_again_from_its_first_image(job, monkeypatch):
    settings = job.settings.changed({"epochs": 2, "flip": False, "accumulation": 2, "batch_size": 4, "device": "cpu"})
    network = type(job.network).from_json(job.network.to_json().replace('"p": 0.2', '"p": 0.0'))
    job = job._replace(settings=settings, network=network)
    expected = fit(*job, emit=nothing)
    loss, calls = Learner.loss, []

    def failing(learner: Learner, pictures: torch.Tensor, labels: torch.Tensor, precision: str):
        calls.append(len(pictures))
        if (
            len(pictures) == 4 and calls.count(4) == 11
        ):  # 5 to measure a step, then 2 a step: the second batch of the third step
            raise torch.OutOfMemoryError("no memory")
        return loss(learner, pictures, labels, precision)

    monkeypatch.setattr(Learner, "loss", failing)
    outcome = fit(*job, emit=nothing)
    assert outcome.settings.batch_size == 2 and calls.count(4) == 11
    for name, values in expected.weights.items():
        assert outcome.weights[name] == pytest.approx(values, abs=1e-4), name


def test_a_gpu_without_memory_for_one_image_is_an_error(job, monkeypatch):
    SmallGpu(monkeypatch, 0)
    with pytest.raises(SettingsError, match=r"too little memory for 1 images at once.*: use a smaller batch_size"):
        fit(*job, emit=nothing)


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", RECIPES)
def test_on_a_gpu_a_seed_gives_the_same_weights_also_after_a_kill(job, tmp_path: Path, recipe):
    settings = job.settings.changed({"checkpoint_s": 0, "device": "cuda", "precision": "bfloat16", **recipe})
    job = job._replace(settings=settings)
    whole = fit(*job, emit=nothing)
    assert same(fit(*job, emit=nothing).weights, whole.weights)
    kill(job, tmp_path / "checkpoint", 8)
    assert same(fit(*job, emit=nothing, checkpoint_folder=tmp_path / "checkpoint", resume=True).weights, whole.weights)


def test_a_training_whose_gpu_is_gone_continues_on_the_processor_and_says_so(job, tmp_path: Path, monkeypatch):
    job = job._replace(settings=job.settings.changed({"checkpoint_s": 0, "device": "cpu"}))
    whole = fit(*job, emit=nothing)
    kill(job, tmp_path, 7)
    for place in tmp_path.glob("*/progress.json"):
        place.write_text(json.dumps(json.loads(place.read_text()) | {"device": "cuda"}))
        (place.parent / "sha256.json").unlink()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gone, events = job._replace(settings=job.settings.changed({"device": "cuda"})), list[Event]()
    outcome = fit(*gone, emit=events.append, checkpoint_folder=tmp_path, resume=True)
    assert same(outcome.weights, whole.weights) and outcome.settings.device == "cpu"
    (changed,) = [event for event in events if isinstance(event, DeviceChanged)]
    assert (changed.before, changed.device) == ("cuda", "cpu")


@pytest.mark.gpu
def test_a_training_begun_on_a_gpu_continues_on_a_processor(job, tmp_path: Path):
    kill(job._replace(settings=job.settings.changed({"checkpoint_s": 0, "device": "cuda"})), tmp_path, 8)
    events: list[Event] = []
    there = job._replace(settings=job.settings.changed({"device": "cpu"}))
    assert fit(*there, emit=events.append, checkpoint_folder=tmp_path, resume=True).reason == "finished"
    (changed,) = [event for event in events if isinstance(event, DeviceChanged)]
    assert (changed.before, changed.device) == ("cuda", "cpu")
