import pytest
import torch

from eyebright.training import precision

LARGE = 10**9


def steps_of(milliseconds: dict[str, float], monkeypatch: pytest.MonkeyPatch):
    """A clock and a step that takes what it is told to."""
    now = 0.0

    def step(chosen: precision.Chosen) -> None:
        nonlocal now
        now += milliseconds[chosen] / 1000

    monkeypatch.setattr(precision.time, "perf_counter", lambda: now)
    return step


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"), [(20, 10, "bfloat16"), (10, 20, "float32"), (10, 9.8, "float32")]
)
def test_the_faster_one_is_chosen_and_float32_where_it_hardly_matters(float32, bfloat16, chosen, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    event = precision.choose("auto", LARGE, steps_of({"float32": float32, "bfloat16": bfloat16}, monkeypatch))
    assert event.precision == chosen
    assert f"{float32:.0f} ms in float32" in event.reason


def test_nothing_is_tried_where_the_processor_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    event = precision.choose("auto", LARGE, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert event.precision == "float32"


def test_nothing_is_tried_on_a_network_so_small_that_noise_would_choose(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    event = precision.choose("auto", 10**7, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert (event.precision, "too small" in event.reason) == ("float32", True)


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(wanted):
    event = precision.choose(wanted, LARGE, lambda chosen: pytest.fail(f"tried {chosen}"))
    assert (event.precision, event.reason) == (wanted, "as asked")
