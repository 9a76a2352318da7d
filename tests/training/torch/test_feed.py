from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyebright.system.errors import SettingsError
from eyebright.training.torch.distributed import ALONE, Group
from eyebright.training.torch.feed import Feed, balanced, every_image, sample_of

LABELS = np.array([0] * 50 + [1] * 7 + [2] * 23)
INDICES = np.arange(100, 180)


def test_every_class_is_drawn_equally_often_and_its_pictures_as_evenly_as_they_can():
    order = balanced(INDICES, LABELS, 3, 1)
    labels = LABELS[order.indices - 100]
    assert Counter(labels.tolist()) == {0: 27, 1: 27, 2: 27}  # 80 pictures, 3 classes
    times = Counter(order.indices.tolist())
    assert {times[index] for index in INDICES[:50]} == {0, 1}
    assert {times[index] for index in INDICES[50:57]} == {3, 4}
    assert {times[index] for index in INDICES[57:]} == {1, 2}
    assert max(Counter(zip(order.indices.tolist(), order.copies.tolist(), strict=True)).values()) == 1
    for index, count in times.items():
        assert sorted(order.copies[order.indices == index]) == list(range(count))


@pytest.mark.parametrize(
    ("count", "expected"), [(3, 3), (300, 250), (1_600, 250), (8_000, 500), (16_000, 1_000), (1_000_000, 1_000)]
)
def test_a_small_part_of_the_training_images_is_evaluated_evenly_spread(count, expected):
    sample = sample_of(np.arange(count) + 7)
    assert len(sample) == expected
    steps = np.diff(sample)
    assert steps.min() >= 1 and steps.max() - steps.min() <= 1
    assert sample[0] == 7 and count + 7 - sample[-1] <= -(-count // expected)


def test_the_order_is_a_function_of_seed_and_epoch():
    first, again = balanced(INDICES, LABELS, 3, 1), balanced(INDICES, LABELS, 3, 1)
    assert np.array_equal(first.indices, again.indices) and np.array_equal(first.copies, again.copies)
    for seed, epoch in ((3, 2), (4, 1)):
        other = balanced(INDICES, LABELS, seed, epoch).indices
        assert not np.array_equal(first.indices, other)
        assert set(first.indices) != set(other)  # other pictures of the frequent class


def test_classes_come_mixed():
    labels = LABELS[balanced(INDICES, LABELS, 3, 1).indices - 100]
    assert all(len(set(part)) == 3 for part in np.array_split(labels, 4))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 99), st.integers(1, 99))
def test_any_labels_give_equal_classes(labels, seed, epoch):
    labels = np.array(labels)
    order = balanced(np.arange(len(labels)), labels, seed, epoch)
    counts = Counter(labels[order.indices].tolist())
    assert counts.keys() == set(labels.tolist())
    assert len(set(counts.values())) == 1
    assert abs(sum(counts.values()) - len(labels)) <= len(counts) / 2 or len(order.indices) == len(counts)


def test_without_balance_every_image_comes_once():
    order = every_image(INDICES, 3, 1)
    assert sorted(order.indices) == list(INDICES)
    assert not order.copies.any()


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


def test_an_image_that_comes_twice_is_augmented_differently(job):
    rare = job.material.train[job.material.labels[job.material.train] == 0][:1]
    others = job.material.train[job.material.labels[job.material.train] != 0]
    job = job._replace(material=job.material._replace(train=np.concatenate([rare, others])))
    made = feed(job, sampling="balanced", batch_size=4)
    assert made.length == 3 * round(len(made.train) / 3)
    pictures, labels = map(torch.cat, zip(*made.batches(1), strict=True))
    same = pictures[labels == 0]
    assert len(same) > 5
    assert len(torch.unique(same, dim=0)) == len(same)
    assert np.count_nonzero(made.order(1).indices == rare[0]) == len(same)


def test_steps_of_an_epoch_are_counted_with_the_last_one_that_is_smaller(job):
    count = len(job.material.train)
    made = feed(job, batch_size=4, accumulation=3)
    assert made.length == count
    assert made.steps == -(-count // 12)


def test_images_of_an_epoch_have_their_names(job):
    names = [f"{number}.png" for number in range(len(job.material.labels))]
    made = feed(job._replace(material=job.material._replace(names=names)))
    labels = next(made.batches(3))[1].tolist()
    called = made.names(3, 0, 8)
    assert [job.material.labels[int(name[:-4])] for name in called] == labels
    assert feed(job).names(3, 0, 1) == [f"image {called[0][:-4]}"]


def test_each_process_reads_its_share_of_every_batch(job):
    whole, *parts = (Feed(job.material, job.settings, 3, group) for group in (ALONE, Group(0, 2, 2), Group(1, 2, 2)))
    for start in (0, 8):
        batches = [[labels.tolist() for _, labels in feed.batches(2, start)] for feed in (whole, *parts)]
        assert {len(feed) for feed in batches} == {len(batches[0])}
        for together, first, second in zip(*batches, strict=True):
            assert (first, second) == (together[::2], together[1::2])


def test_an_image_is_augmented_in_the_same_way_by_every_process(job):
    whole = next(Feed(job.material, job.settings, 3).batches(1))[0]
    part = next(Feed(job.material, job.settings, 3, Group(1, 2, 2)).batches(1))[0]
    assert torch.equal(part, whole[1::2])


def test_a_batch_that_cannot_be_divided_evenly_is_refused(job):
    with pytest.raises(SettingsError, match=r"8\b.* 3\b"):
        Feed(job.material, job.settings, 3, Group(0, 3, 3))
