"""Uploads need a GPU; everything else does the same on a processor."""

import numpy as np
import pytest
import torch

from eyebright.training.torch.transfer import Coming, Uploads, late, uploaded

CUDA = torch.device("cuda", 0)


def test_values_arrive_as_they_are():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert torch.equal(uploaded(values, torch.device("cpu")), torch.tensor([[0.0, 1, 2], [3, 4, 5]]))
    assert torch.equal(Coming(torch.tensor([1.5, 2])).values, torch.tensor([1.5, 2]))


def test_items_are_read_when_later_ones_are_made():
    made: list[int] = []

    def make():
        for number in range(5):
            made.append(number)
            yield number

    seen = [(number, len(made)) for number in late(make(), 2)]
    assert seen == [(0, 3), (1, 4), (2, 5), (3, 5), (4, 5)]
    assert list(late(iter([7]), 2)) == [7]


@pytest.mark.gpu
@pytest.mark.parametrize("fits", [True, False])
def test_images_on_a_gpu_are_those_of_the_pack_whether_they_stay_or_not(job, fits, monkeypatch):
    if not fits:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    pack = job.material.pack
    uploads = Uploads(pack, np.concatenate([job.material.train, job.material.validation]), CUDA)
    parts = [job.material.train[:5], job.material.validation, job.material.train[[3, 1, 3]]]
    for _ in range(3):
        for part, pictures in zip(parts, uploads.batches(parts), strict=True):
            assert np.array_equal(pictures.cpu().numpy(), pack.read(part))
    assert uploads.release() == fits
    assert not uploads.release()
    (pictures,) = uploads.batches(parts[:1])
    assert np.array_equal(pictures.cpu().numpy(), pack.read(parts[0]))


@pytest.mark.gpu
def test_figures_that_come_from_a_gpu_are_those_of_their_moment():
    values = torch.zeros(2, device=CUDA)
    coming = []
    for number in range(20):
        values.fill_(number)
        coming.append(Coming(values))
    assert [each.values.tolist() for each in coming] == [[float(number)] * 2 for number in range(20)]
