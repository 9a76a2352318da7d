"""There is no GPU where these tests run: what is known of one is put in its place."""

import pytest
import torch

from eyebright.errors import SettingsError
from eyebright.training import device
from eyebright.training.events import BatchLowered, EpochEnded, PrecisionChosen
from eyebright.training.fit import fit
from eyebright.training.processes import Place, taking
from eyebright.training.step import Learner


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
    assert str(device.find(wanted)) == found


def test_each_of_several_processes_takes_a_gpu_of_its_own(monkeypatch):
    machine_with(monkeypatch, cuda=2)
    for rank, found in ((0, "cuda:0"), (1, "cuda:1"), (2, "cuda:0")):
        with taking(Place(rank, 3, 3)):
            assert str(device.find("cuda")) == found


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
