from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from eyebright.model.reference import Reference
from eyebright.system.errors import ModelError
from eyebright.trust.drift import Profile
from eyebright.trust.promise import HeldBack
from eyebright.trust.unknown import fit_familiar

VALUES = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
FAMILIAR = fit_familiar(VALUES[:10], VALUES[10:], VALUES[10:, :2])


PROFILE = Profile.of_predictions(np.array([0, 2, 1]))
HELD_BACK = HeldBack(
    *(np.arange(3), np.arange(3)), *(np.full(3, 0.5, np.float32) for _ in range(3)), groups=np.arange(3)
)  # fmt: skip


@pytest.mark.parametrize("reference", [Reference(), Reference(unknown=FAMILIAR), Reference(profile=PROFILE)])
def test_a_reference_comes_back_as_it_was(reference: Reference, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(reference.to_bytes())
    loaded = Reference.load(tmp_path / "file")
    for part, before in zip(loaded, reference, strict=True):
        assert (part is None) == (before is None)
        for values, written in zip(part or (), before or (), strict=True):
            assert (values.tobytes(), values.shape, values.dtype) == (written.tobytes(), written.shape, written.dtype)


def test_tensors_are_named_by_part_and_field(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(Reference(unknown=FAMILIAR).to_bytes())
    assert set(load_file(tmp_path / "file")) == {
        *("unknown.mean", "unknown.directions", "unknown.variances", "unknown.rest", "unknown.limit"),
        *("unknown.energy_typical", "unknown.energy_weight"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "more", "message"),
    [("unknown.rest", {}, r"unknown\.rest is missing"), ("", {"a.b": VALUES}, r"a\.b is not known")],
)
def test_a_file_with_other_tensors_is_damaged(tmp_path: Path, missing: str, more: dict, message: str) -> None:
    (tmp_path / "file").write_bytes(Reference(unknown=FAMILIAR).to_bytes())
    tensors = {name: values for name, values in load_file(tmp_path / "file").items() if name != missing}
    save_file(tensors | more, tmp_path / "file")
    with pytest.raises(ModelError, match=f"file is damaged: {message}"):
        Reference.load(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("unknown.limit", np.float32(np.nan), "unknown.limit has values that are not finite"),
        (
            "unknown.mean",
            np.zeros(4, np.float32),
            r"unknown\.\w+ has the shape",
        ),
        ("unknown.variances", np.zeros((1, 1), np.float32), "unknown.variances has 2 dimensions, expected 1"),
        ("held_back.confidence", np.full(3, np.inf, np.float32), "held_back.confidence has values"),
        ("held_back.labels", np.arange(2), r"held_back\.\w+ has the shape"),
        ("held_back.groups", np.zeros(3, np.bool_), "held_back.groups has values that are not finite numbers"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_damaged(
    tmp_path: Path, name: str, values: np.ndarray, message: str
) -> None:
    (tmp_path / "file").write_bytes(Reference(unknown=FAMILIAR, held_back=HELD_BACK).to_bytes())
    assert Reference.load(tmp_path / "file").held_back is not None
    save_file(load_file(tmp_path / "file") | {name: np.asarray(values)}, tmp_path / "file")
    with pytest.raises(ModelError, match=f"file is damaged: {message}"):
        Reference.load(tmp_path / "file")
