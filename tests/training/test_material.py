import numpy as np
import pytest
import torch

from eyebright.training.material import Feed


def feed(job, **changes) -> Feed:
    return Feed(job.material, job.settings.changed(changes), 3)


@pytest.mark.parametrize("sampling", ["all", "balanced"])
def test_an_epoch_from_some_place_on_is_the_rest_of_the_whole(job, sampling):
    """Whatever happens to pictures and labels, mixing in the batch included."""
    made = feed(job, sampling=sampling, mixup=0.3, hue=0.1)
    whole = list(made.batches(2))
    for number, (pictures, labels) in enumerate(made.batches(2, 2 * 8), start=2):
        assert torch.equal(pictures, whole[number][0])
        assert torch.equal(labels, whole[number][1])
    assert number == len(whole) - 1


def test_a_picture_that_comes_twice_is_changed_anew(job):
    rare = job.material.train[job.material.labels[job.material.train] == 0][:1]
    others = job.material.train[job.material.labels[job.material.train] != 0]
    job = job._replace(material=job.material._replace(train=np.concatenate([rare, others])))
    made = feed(job, sampling="balanced", batch_size=64)
    assert made.length == 3 * round(len(made.train) / 3)
    pictures, labels = next(made.batches(1))
    same = pictures[labels == 0]
    assert len(same) > 5
    assert len(torch.unique(same, dim=0)) == len(same)
    assert np.count_nonzero(made.order(1).indices == rare[0]) == len(same)


def test_steps_of_an_epoch_are_counted_with_the_last_one_that_is_smaller(job):
    count = len(job.material.train)
    made = feed(job, batch_size=4, accumulation=3)
    assert made.length == count
    assert made.steps == -(-count // 12)


def test_pictures_are_called_by_their_names(job):
    names = [f"{number}.png" for number in range(len(job.material.labels))]
    made = feed(job._replace(material=job.material._replace(names=names)))
    labels = next(made.batches(3))[1].tolist()
    called = made.names(3, 0, 8)
    assert [job.material.labels[int(name[:-4])] for name in called] == labels
    assert feed(job).names(3, 0, 1) == [f"picture {called[0][:-4]}"]
