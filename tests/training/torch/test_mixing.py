import numpy as np
import pytest
import torch

from eyebright.training.settings import Settings
from eyebright.training.torch.mixing import mix

KEYS = np.arange(1, 41, dtype=np.uint64)


def batch(count: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Each picture is an even surface of its own value."""
    return torch.arange(count).float()[:, None, None, None].expand(-1, 3, 20, 20).clone(), torch.arange(count) % 4


@pytest.mark.parametrize("changes", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_labels_are_mixed_in_the_same_shares_as_images(changes):
    pictures, labels = batch()
    for epoch in range(6):
        mixed, shares = mix(pictures, labels, 4, KEYS, Settings(**changes), epoch)
        assert torch.allclose(shares.sum(dim=1), torch.ones(40))
        kept = shares[torch.arange(40), labels]
        assert kept.min() >= 0.5 - 1e-6 and kept.max() <= 1
        expected = kept * pictures[:, 0, 0, 0] + (1 - kept) * pictures.roll(-1, 0)[:, 0, 0, 0]
        assert torch.allclose(mixed.mean(dim=(1, 2, 3)), expected, atol=1e-3)


def test_mixup_blends_and_cutmix_cuts():
    pictures, labels = batch()
    blended, _ = mix(pictures, labels, 4, KEYS, Settings(mixup=1.0), 1)
    assert all(len(picture.unique()) == 1 for picture in blended)
    cut, _ = mix(pictures, labels, 4, KEYS, Settings(cutmix=1.0), 1)
    assert all(set(cut[i].unique().tolist()) <= {float(i), float((i + 1) % 40)} for i in range(40))
    assert sum(len(picture.unique()) == 2 for picture in cut) > 30


def test_without_mixing_or_with_one_image_nothing_changes():
    pictures, labels = batch()
    assert mix(pictures, labels, 4, KEYS, Settings(), 1) == (pictures, labels)
    alone = pictures[:1], labels[:1]
    assert mix(*alone, 4, KEYS[:1], Settings(mixup=1.0), 1) == alone


def test_shares_are_drawn_from_seed_and_epoch():
    pictures, labels = batch()
    first = mix(pictures, labels, 4, KEYS, Settings(mixup=1.0, seed=1), 1)[1]
    assert torch.equal(first, mix(pictures, labels, 4, KEYS, Settings(mixup=1.0, seed=1), 1)[1])
    assert not torch.equal(first, mix(pictures, labels, 4, KEYS, Settings(mixup=1.0, seed=1), 2)[1])
