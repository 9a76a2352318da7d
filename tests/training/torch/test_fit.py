"""What a caller of `fit` relies on; the loop itself is tested in test_loop.py."""

import pytest
import torch
from tests.training.torch.making import nothing, same

from eyebright.network import initial_weights, zoo
from eyebright.system import machine
from eyebright.system.errors import DataError
from eyebright.training import memory, processes
from eyebright.training.budget import Deadline
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import BatchLowered, PrecisionChosen, Stopped
from eyebright.training.processes import ProcessPlace
from eyebright.training.settings import Settings
from eyebright.training.torch.fit import fit, predict_logits


def test_the_network_learns(job):
    outcome = fit(*job._replace(settings=job.settings.changed({"epochs": 8})), emit=nothing)
    logits = predict_logits(job.network, outcome.weights, job.material.pack, job.material.validation)
    assert (logits.argmax(axis=1) == job.material.labels[job.material.validation]).mean() >= 0.8


def test_the_same_seed_gives_identical_weights_and_another_seed_others(job):
    first, second = fit(*job, emit=nothing), fit(*job, emit=nothing)
    other = fit(*job._replace(settings=job.settings.changed({"seed": 6})), emit=nothing)
    assert same(first.weights, second.weights)
    assert not same(first.weights, other.weights)


def test_the_weights_and_the_random_state_of_the_caller_stay_the_same(job):
    before = {name: values.copy() for name, values in job.weights.items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    fit(*job._replace(settings=job.settings.changed({"threads": threads + 1})), emit=nothing)
    assert torch.equal(torch.rand(4), expected)
    assert torch.get_num_threads() == threads
    assert same(before, job.weights)
    assert same(before, initial_weights(job.network, 5))


def test_what_was_measured_is_known_before_the_first_step_and_comes_out(job, monkeypatch):
    """A run writes it down at once, so that it repeats the same choice after a kill."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    asked = job.settings.changed({"precision": "auto", "epochs": 1, "threads": 0, "device": "cpu"})
    seen: list[object] = []
    outcome = fit(*job._replace(settings=asked), emit=seen.append, on_settled=seen.append)
    (settled,) = [one for one in seen if isinstance(one, Settings)]
    first = next(index for index, one in enumerate(seen) if isinstance(one, PrecisionChosen | StepDone))
    assert seen.index(settled) < first
    assert settled == outcome.settings == asked.changed({"precision": "float32", "device": "cpu",
                                                         "threads": processes.threads()})  # fmt: skip


def test_precision_and_device_are_reported(job):
    events: list[Event] = []
    fit(
        *job._replace(settings=job.settings.changed({"precision": "bfloat16", "epochs": 1, "device": "cpu"})),
        emit=events.append,
    )
    (chosen,) = [event for event in events if isinstance(event, PrecisionChosen)]
    assert (chosen.precision, chosen.reason, chosen.device) == ("bfloat16", "as set", "cpu")


def test_without_epochs_or_time_nothing_is_trained(job):
    for changes, deadline, reason in (
        ({"epochs": 0}, None, "finished"),
        ({"keep_start_if_better": True}, Deadline(1.0, 0.0, 0), "budget"),
    ):
        events: list[Event] = []
        settings = job.settings.changed(changes)
        outcome = fit(*job._replace(settings=settings), emit=events.append, deadline=deadline)
        assert same(outcome.weights, job.weights)
        assert outcome.reason == reason and outcome.settings == settings
        assert isinstance(events[-1], Stopped) and not any(isinstance(event, StepDone) for event in events)


def test_a_training_with_little_memory_reports_it_and_makes_the_same_steps(job, monkeypatch: pytest.MonkeyPatch):
    job = job._replace(network=zoo.flowers_cnn(3, input_size=16, dropout=0),
                       settings=job.settings.changed({"epochs": 2, "device": "cpu"}))  # fmt: skip
    whole = fit(*job, emit=nothing)
    need = memory.weight_bytes(job.network) + 4.5 * memory.picture_bytes(job.network)
    monkeypatch.setattr(machine, "free_memory_bytes", lambda: round(need / 0.7))
    events: list[Event] = []
    lowered = fit(*job, emit=events.append)
    (event,) = [event for event in events if isinstance(event, BatchLowered)]
    assert (event.batch_size, event.accumulation) == (4, 2)
    assert (lowered.settings.batch_size, lowered.settings.accumulation) == (4, 2)
    for name, values in whole.weights.items():
        assert lowered.weights[name] == pytest.approx(values, abs=1e-4), name


def test_a_resumed_training_keeps_its_batch_however_little_memory_there_is(job, monkeypatch, tmp_path):
    fit(*job._replace(settings=job.settings.changed({"epochs": 1})), emit=nothing, checkpoint_folder=tmp_path)
    monkeypatch.setattr(machine, "free_memory_bytes", lambda: 1)
    events: list[Event] = []
    outcome = fit(*job, emit=events.append, checkpoint_folder=tmp_path, resume=True)
    assert not any(isinstance(event, BatchLowered) for event in events)
    assert outcome.settings.batch_size == job.settings.batch_size


def test_images_that_are_not_on_the_disk_cannot_be_shared_by_processes(job):
    job.material.pack.streamed = True
    with (
        processes.joined(ProcessPlace(0, 2, 2)),
        pytest.raises(DataError, match="the disk of the cache has no room for them"),
    ):
        fit(*job, emit=nothing)
