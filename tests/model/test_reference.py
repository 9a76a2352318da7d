from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from eyebright.model.reference import Reference
from eyebright.system.errors import ModelError
from eyebright.trust.drift import Profile
from eyebright.trust.unknown import fit_familiar

VALUES = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
FAMILIAR = fit_familiar(VALUES[:10], VALUES[10:], VALUES[10:, :2])


PROFILE = Profile.of_predictions(np.array([0, 2, 1]))


@pytest.mark.parametrize("reference", [Reference(), Reference(unknown=FAMILIAR), Reference(profile=PROFILE)])
def test_a_reference_comes_back_as_it_was(reference: Reference, tmp_path: Path) -> None:
    reference.save(tmp_path / "file")
    loaded = Reference.load(tmp_path / "file")
    for part, before in zip(loaded, reference, strict=True):
        assert (part is None) == (before is None)
        for values, written in zip(part or (), before or (), strict=True):
            assert (values.tobytes(), values.shape, values.dtype) == (written.tobytes(), written.shape, written.dtype)


def test_tensors_are_named_by_part_and_field(tmp_path: Path) -> None:
    Reference(unknown=FAMILIAR).save(tmp_path / "file")
    assert set(load_file(tmp_path / "file")) == {
        *("unknown.mean", "unknown.directions", "unknown.variances", "unknown.rest", "unknown.limit"),
        *("unknown.energy_typical", "unknown.energy_weight"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "more", "message"),
    [("unknown.rest", {}, r"unknown\.rest is missing"), ("", {"a.b": VALUES}, r"a\.b is not known")],
)
def test_a_file_with_other_tensors_is_damaged(tmp_path: Path, missing: str, more: dict, message: str) -> None:
    Reference(unknown=FAMILIAR).save(tmp_path / "file")
    tensors = {name: values for name, values in load_file(tmp_path / "file").items() if name != missing}
    save_file(tensors | more, tmp_path / "file")
    with pytest.raises(ModelError, match=f"file is damaged: {message}"):
        Reference.load(tmp_path / "file")
