"""There is no GPU where these tests run: what is known of one is put in its place."""

import warnings

import pytest
import torch

from eyebright.network import zoo
from eyebright.network.rewrites import faster
from eyebright.system import machine
from eyebright.system.errors import EyebrightError, SettingsError
from eyebright.training import finds_gpu
from eyebright.training.torch import fit, hardware


def machine_with(
    monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False, capability: tuple[int, int] = (9, 0)
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla P4")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90", "compute_90"])
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
        assert str(hardware.find("cuda", rank)) == found


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_a_device_that_is_not_available_is_refused(wanted, monkeypatch):
    machine_with(monkeypatch)
    with pytest.raises(SettingsError, match=f"device={wanted} is not available.*: torch .* only cpu; use device=auto"):
        hardware.find(wanted)


def test_a_gpu_that_is_too_old_for_torch_is_not_taken(monkeypatch):
    machine_with(monkeypatch, cuda=1, capability=(6, 1))
    assert str(hardware.find("auto")) == "cpu"
    with pytest.raises(SettingsError, match=r"Tesla P4 is too old .* capability 6\.1, and torch needs 7\.5\): torch"):
        hardware.find("cuda")


@pytest.mark.parametrize(("value", "hidden"), [("", True), ("-1", True), ("0", False)])
def test_it_is_said_when_all_gpus_are_hidden(value, hidden, monkeypatch):
    machine_with(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert (hardware.cuda_problem() == "CUDA_VISIBLE_DEVICES hides all GPUs") == hidden
    assert str(hardware.find("auto")) == "cpu"


@pytest.mark.parametrize(
    ("driver", "visible", "warned"),
    [(True, None, 1), (True, "", 0), (False, None, 0)],
    ids=["unused", "hidden", "no"],
)
def test_a_gpu_that_cannot_be_used_is_a_warning(driver, visible, warned, monkeypatch, recwarn):
    machine_with(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(hardware.machine, "has_nvidia_driver", lambda: driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    hardware.find("auto")
    assert len(recwarn) == warned
    assert all("not used, because this build of torch has no CUDA" in str(one.message) for one in recwarn)


def test_what_is_wrong_with_the_driver_is_said(monkeypatch):
    machine_with(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def old() -> bool:
        warnings.warn("CUDA initialization: the driver is too old\nsecond line", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old)
    assert hardware.cuda_problem() == "CUDA initialization: the driver is too old"


CUDA = torch.device("cuda", 0)


def test_a_gpu_that_fails_is_said_in_words_and_other_errors_stay():
    words = r"the GPU failed \(CUDA error: device lost\): .* --resume"
    with pytest.raises(EyebrightError, match=words), hardware.explained(CUDA):
        raise RuntimeError("CUDA error: device lost\nmore")
    with pytest.raises(RuntimeError, match="shapes differ"), hardware.explained(CUDA):
        raise RuntimeError("shapes differ")


def test_a_gpu_that_is_full_is_said_with_who_uses_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100 * 10**6, 8000 * 10**6))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 900 * 10**6)
    words = r"memory \(8,000 MB: 900 used here, 7,000 by other programs, 100 free\)"
    with pytest.raises(SettingsError, match=words), hardware.explained(CUDA):
        raise torch.OutOfMemoryError("no memory")


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_random_numbers_are_those_after_torchs_seed_and_only_the_device_in_use_is_seeded(kind, monkeypatch):
    torch.manual_seed(5)
    expected, seeded = torch.rand(3), []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda value: seeded.append(("cuda", value)))
    monkeypatch.setattr(torch.mps, "manual_seed", lambda value: seeded.append(("mps", value)))
    hardware.seed(torch.device(kind), 5)
    assert torch.equal(torch.rand(3), expected)
    assert seeded == [(kind, 5)] * (kind != "cpu")


def test_settings_of_torch_return_at_the_end():
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.get_num_threads()
    for deterministic in (True, False):
        with hardware.torch_set_up(1, deterministic=deterministic):
            assert torch.backends.cudnn.deterministic == deterministic
            assert torch.backends.cudnn.benchmark != deterministic
    assert before == (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.get_num_threads())


@pytest.mark.parametrize(
    ("name", "size", "chosen", "words"),
    [("flowers_cnn", 180, "bfloat16", "faster"), ("resnet18", 64, "bfloat16", "faster"),
     ("compact", 32, "bfloat16", "faster"), ("vgg11", 64, "bfloat16", "faster"),
     ("efficientnet_lite0", 96, "bfloat16", "faster"), ("lenet5", 32, "float32", "too small"),
     ("mlp", 32, "float32", "too small")],
)  # fmt: skip
def test_the_precision_is_the_faster_one_as_measured_once(name, size, chosen, words, monkeypatch):
    """Two cores of an AMD EPYC with AVX512_BF16: steps of these networks take 0.57, 0.68, 0.57, 0.57 of the time in
    bfloat16, then 0.64, and 1.0 of the two small ones."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    event = hardware.choose("auto", faster(zoo.build(name, num_classes=10, input_size=size)))
    assert (event.precision, words in event.reason) == (chosen, True)


def test_a_processor_without_bfloat16_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    assert hardware.choose("auto", zoo.flowers_cnn(5)).precision == "float32"


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_a_precision_that_is_set_is_used(wanted):
    event = hardware.choose(wanted, zoo.flowers_cnn(5))
    assert (event.precision, event.reason) == (wanted, "as set")


def test_a_gpu_is_looked_for_only_where_it_is_wanted_and_its_driver_is_there(monkeypatch):
    asked = list[str]()
    monkeypatch.setattr(fit, "find", lambda device: asked.append(device) or torch.device("cuda", 0))
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: False)
    assert not finds_gpu("auto") and not finds_gpu("cuda")
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: True)
    assert not finds_gpu("cpu") and not finds_gpu("mps") and not asked
    assert finds_gpu("auto") and finds_gpu("cuda") and asked == ["auto", "cuda"]
