"""There is no GPU where these tests run: what is known of one is put in its place."""

import pytest
import torch

from eyebright.network import Conv2d, Flatten, Input, Linear, Network, zoo
from eyebright.network.rewrites import faster
from eyebright.system import machine
from eyebright.system.errors import SettingsError
from eyebright.training.events import BatchLowered, EpochEnded, PrecisionChosen
from eyebright.training.processes import Place, taking
from eyebright.training.settings import Settings
from eyebright.training.torch import hardware
from eyebright.training.torch.fit import fit
from eyebright.training.torch.learner import Learner


def machine_with(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "found"),
    [(0, False, "auto", "cpu"), (1, False, "auto", "cuda:0"), (0, True, "auto", "mps"), (1, False, "cpu", "cpu"),
     (1, True, "mps", "mps")],
)  # fmt: skip
def test_a_gpu_is_taken_where_there_is_one(cuda, mps, wanted, found, monkeypatch):
    machine_with(monkeypatch, cuda=cuda, mps=mps)
    assert str(hardware.find(wanted)) == found


def test_each_of_several_processes_takes_a_gpu_of_its_own(monkeypatch):
    machine_with(monkeypatch, cuda=2)
    for rank, found in ((0, "cuda:0"), (1, "cuda:1"), (2, "cuda:0")):
        with taking(Place(rank, 3, 3)):
            assert str(hardware.find("cuda")) == found


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_refused(wanted, job, monkeypatch):
    machine_with(monkeypatch)
    with pytest.raises(SettingsError, match=f"device={wanted} is not here.*device=auto, or cpu"):
        fit(*job._replace(settings=job.settings.changed({"device": wanted})), emit=lambda event: None)


def test_the_device_is_told_with_the_precision(job):
    told: list[object] = []
    fit(*job._replace(settings=job.settings.changed({"epochs": 1})), emit=told.append)
    assert [event.device for event in told if isinstance(event, PrecisionChosen)] == ["cpu"]


class Small:
    """Stands for a GPU that holds so many pictures: `Learner.loss` fails on more, after some of the work is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        loss = Learner.loss
        self.refused: list[int] = []

        def bounded(learner: Learner, pictures: torch.Tensor, labels: torch.Tensor, chosen: str):
            if len(pictures) > most:
                self.refused.append(len(pictures))
                raise torch.OutOfMemoryError("no memory")
            return loss(learner, pictures, labels, chosen)

        monkeypatch.setattr(Learner, "loss", bounded)


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_batch_that_the_device_refuses_is_halved_and_the_steps_are_the_same(precision, job, monkeypatch):
    settings = job.settings.changed({"epochs": 2, "flip": False, "precision": precision})
    network = type(job.network).from_json(job.network.to_json().replace('"p": 0.2', '"p": 0.0'))
    job = job._replace(settings=settings, network=network)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    curves: list[list[float]] = []
    for most in (8, 3):
        told: list[object] = []
        device_memory = Small(monkeypatch, most)
        fit(*job, emit=told.append)
        curves.append([event.train_loss for event in told if isinstance(event, EpochEnded)])
    lowered = [(event.batch_size, event.accumulation) for event in told if isinstance(event, BatchLowered)]
    assert lowered == [(4, 2), (2, 4)] and device_memory.refused == [8, 4]
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)


def test_a_device_that_holds_no_picture_at_all_is_an_error(job, monkeypatch):
    Small(monkeypatch, 0)
    with pytest.raises(SettingsError, match="too little memory for 1 pictures at once"):
        fit(*job, emit=lambda event: None)


LARGE = 10**9


def steps_of(milliseconds: dict[str, float], monkeypatch: pytest.MonkeyPatch):
    """A clock and a step that takes what it is told to."""
    now = 0.0

    def step(chosen: hardware.Chosen) -> None:
        nonlocal now
        now += milliseconds[chosen] / 1000

    monkeypatch.setattr(hardware.time, "perf_counter", lambda: now)
    return step


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"), [(20, 10, "bfloat16"), (10, 20, "float32"), (10, 9.8, "float32")]
)
def test_the_faster_one_is_chosen_and_float32_where_it_hardly_matters(float32, bfloat16, chosen, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    event = hardware.choose("auto", LARGE, steps_of({"float32": float32, "bfloat16": bfloat16}, monkeypatch))
    assert event.precision == chosen
    assert f"{float32:.0f} ms in float32" in event.reason


def test_nothing_is_tried_where_the_processor_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    event = hardware.choose("auto", LARGE, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert event.precision == "float32"


def test_nothing_is_tried_on_a_network_so_small_that_noise_would_choose(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    event = hardware.choose("auto", 10**7, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert (event.precision, "too small" in event.reason) == ("float32", True)


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(wanted):
    event = hardware.choose(wanted, LARGE, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert (event.precision, event.reason) == (wanted, "as asked")


SMALL = Network.sequential(Input((3, 8, 8)), Conv2d(4, 3), Flatten(), Linear(2))
VALUES = 3 * 8 * 8 + 4 * 6 * 6 + 4 * 6 * 6 + 2
EACH = 4 * (VALUES + 3 * 8 * 8 + 4 * 6 * 6)
WEIGHTS = 7 * 4 * (4 * 3 * 9 + 4 + 2 * 144 + 2)
ALONE = Place(0, 1, 1)


def free_for(pictures: float) -> int:
    """Memory of which seven tenths hold the weights and so many pictures."""
    return round((WEIGHTS + pictures * EACH) / 0.7)


def test_bytes_are_those_of_what_the_layers_give():
    assert hardware.picture_bytes(SMALL) == EACH and hardware.weight_bytes(SMALL) == WEIGHTS


@pytest.mark.parametrize(
    ("batch", "accumulation", "fit_in", "lowered"),
    [(32, 1, 32.1, None), (32, 1, 31, (16, 2)), (32, 3, 9, (8, 12)), (33, 1, 20, (11, 3)), (7, 1, 5, (1, 7)),
     (32, 1, 0.1, (1, 32))],
)  # fmt: skip
def test_the_step_stays_the_same_and_its_batches_fit(batch, accumulation, fit_in, lowered):
    settings = Settings(batch_size=batch, accumulation=accumulation)
    found = hardware.lowered(SMALL, settings, free_for(fit_in), ALONE)
    assert (found and (found.batch_size, found.accumulation)) == lowered
    if found:
        assert found.batch_size * found.accumulation == settings.step_size


def test_processes_on_one_machine_share_its_memory():
    settings = Settings(batch_size=32)
    assert hardware.lowered(SMALL, settings, 2 * free_for(16.1), Place(0, 2, 2)) is None
    found = hardware.lowered(SMALL, settings, 2 * free_for(15), Place(1, 2, 2))
    assert found and (found.batch_size, found.accumulation) == (16, 2)
    elsewhere = hardware.lowered(SMALL, settings, free_for(15), Place(1, 2, 1))
    assert elsewhere and elsewhere.batch_size == 16


def test_the_estimate_for_a_known_network_is_near_what_was_measured():
    """Peaks of resident memory in training, MB a picture: 11.5, 11.8 and 30.3 (measured once, float32)."""
    for name, size, measured in (
        ("flowers_cnn", 180, 11.5),
        ("resnet18", 128, 11.8),
        ("efficientnet_lite0", 128, 30.3),
    ):
        network = faster(zoo.build(name, num_classes=5, input_size=size))
        assert hardware.picture_bytes(network) / 1e6 == pytest.approx(measured, rel=0.2), name


def test_a_training_with_little_memory_says_so_and_makes_the_same_steps(job, monkeypatch: pytest.MonkeyPatch):
    job = job._replace(network=zoo.flowers_cnn(3, input_size=16, dropout=0),
                       settings=job.settings.changed({"epochs": 2, "precision": "float32"}))  # fmt: skip
    whole = fit(*job, emit=lambda event: None)
    need = hardware.weight_bytes(job.network) + 4.5 * hardware.picture_bytes(job.network)
    monkeypatch.setattr(machine, "free_memory_bytes", lambda: round(need / 0.7))
    told: list[object] = []
    lowered = fit(*job, emit=told.append)
    (event,) = [event for event in told if isinstance(event, BatchLowered)]
    assert (event.batch_size, event.accumulation) == (4, 2)
    for name, values in whole.weights.items():
        assert lowered.weights[name] == pytest.approx(values, abs=1e-4), name
