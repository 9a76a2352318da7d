import numpy as np
import pytest
from sklearn.decomposition import PCA

from eyebright.data.dataset import Dataset
from eyebright.data.pictures import PRINT, Preparation
from eyebright.model.profile import MOST, NetworkOutputs, looks, profile, sample_profile
from eyebright.trust.unknown import fit_familiar


def test_looks_of_images_that_can_be_computed_by_hand() -> None:
    prints = np.zeros(3, PRINT)
    prints["thumbnail"][0] = 255
    prints["thumbnail"][1, :, :16] = 255
    prints["thumbnail"][2, ..., 0] = 255
    prints["width"], prints["height"], prints["sharpness"] = (640, 32, 10), (480, 64, 10), (0.5, 2, 0)
    found = looks(prints)
    assert found["brightness"] == pytest.approx([1, 0.5, 0.299])
    assert found["contrast"] == pytest.approx([0, 0.5, 0], abs=1e-6)
    assert found["colour"] == pytest.approx([0, 0, 1])
    assert found["width"].tolist() == [640, 32, 10] and found["height"].tolist() == [480, 64, 10]
    assert found["sharpness"] == pytest.approx([0.5, 2, 0])


@pytest.fixture
def images() -> Dataset:
    return Dataset.from_arrays(
        np.random.default_rng(1).integers(0, 256, (40, 8, 8, 3), np.uint8), [0, 1] * 20, ["a", "b"]
    )


def seen(count: int) -> NetworkOutputs:
    stream = np.random.default_rng(count)
    return NetworkOutputs(stream.normal(size=(count, 2)), stream.normal(size=(count, 30)) ** 2 + 1)


def test_the_points_of_images_are_their_whitened_principal_components(images: Dataset) -> None:
    """Those of scikit-learn, with their signs, for the images that the Gaussian was fitted on."""
    found = seen(40)
    pack = images.pack(Preparation(width=8, height=8))
    familiar = fit_familiar(found.features, found.features, found.logits)
    made = profile(pack, np.arange(40), None, found, familiar)
    unit = found.features / np.linalg.norm(found.features, axis=1, keepdims=True)
    expected = PCA(16, whiten=True).fit_transform(unit)
    signs = np.sign((expected * made.points).sum(axis=0))
    assert made.points == pytest.approx(expected * signs, abs=0.01)
    assert made.predicted.tolist() == found.logits.argmax(axis=1).tolist()
    odds = np.abs(found.logits[:, 0] - found.logits[:, 1])
    assert made.confidence == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert made.groups.tolist() == list(range(40))
    assert (made.unfamiliarity > 1).sum() <= 2  # 5% of them


def test_of_many_images_some_are_kept_each_with_its_own_figures(images: Dataset) -> None:
    pack = images.pack(Preparation(width=8, height=8))
    many, groups = np.arange(1200) % 40, np.arange(1200) // 3
    found = seen(1200)
    familiar = fit_familiar(found.features, found.features, found.logits)
    made = sample_profile(pack, many, groups, found, familiar)
    assert len(made.groups) == 400 <= MOST and made.groups.tolist() == list(range(400))
    assert made.brightness == pytest.approx(looks(pack.prints(many[::3]))["brightness"])
    assert made.predicted.tolist() == found.logits[::3].argmax(axis=1).tolist()
