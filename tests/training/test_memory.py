import msgspec
import pytest

from eyebright.network import Conv2d, Flatten, Input, Linear, Network, zoo
from eyebright.network.rewrites import faster
from eyebright.report.progress import Display
from eyebright.report.screen import Terminal
from eyebright.training import memory
from eyebright.training.events.fitting import BatchLowered
from eyebright.training.processes import ProcessPlace
from eyebright.training.settings import Settings

SMALL = Network.sequential(Input((3, 8, 8)), Conv2d(4, 3), Flatten(), Linear(2))
VALUES = 3 * 8 * 8 + 4 * 6 * 6 + 4 * 6 * 6 + 2
EACH = 4 * (VALUES + 3 * 8 * 8 + 4 * 6 * 6)
WEIGHTS = 7 * 4 * (4 * 3 * 9 + 4 + 2 * 144 + 2)
ALONE = ProcessPlace(0, 1, 1)


def free_for(pictures: float) -> int:
    """Memory of which seven tenths hold the weights and so many pictures."""
    return round((WEIGHTS + pictures * EACH) / 0.7)


def test_memory_is_that_of_the_outputs_of_all_layers():
    assert memory.picture_bytes(SMALL) == EACH and memory.weight_bytes(SMALL) == WEIGHTS


@pytest.mark.parametrize(
    ("batch", "accumulation", "fit_in", "lowered"),
    [(32, 1, 32.1, None), (32, 1, 31, (16, 2)), (32, 3, 9, (8, 12)), (33, 1, 20, (11, 3)), (7, 1, 5, (1, 7)),
     (32, 1, 0.1, (2, 16))],
)  # fmt: skip
def test_the_step_stays_the_same_and_its_batches_fit(batch, accumulation, fit_in, lowered):
    settings = Settings(batch_size=batch, accumulation=accumulation)
    found = memory.lowered(SMALL, settings, free_for(fit_in), ALONE)
    assert (found and (found.batch_size, found.accumulation)) == lowered
    if found:
        assert found.batch_size * found.accumulation == settings.step_size


def test_processes_on_one_machine_share_its_memory():
    settings = Settings(batch_size=32)
    assert memory.lowered(SMALL, settings, 2 * free_for(16.1), ProcessPlace(0, 2, 2)) is None
    found = memory.lowered(SMALL, settings, 2 * free_for(15), ProcessPlace(1, 2, 2))
    assert found and (found.batch_size, found.accumulation) == (16, 2)
    elsewhere = memory.lowered(SMALL, settings, free_for(15), ProcessPlace(1, 2, 1))
    assert elsewhere and elsewhere.batch_size == 16


def test_the_estimate_for_a_known_network_is_near_what_was_measured():
    """Peaks of resident memory in training, MB a picture: 11.5, 11.8 and 30.3 (measured once, float32)."""
    for name, size, measured in (
        ("flowers_cnn", 180, 11.5),
        ("resnet18", 128, 11.8),
        ("efficientnet_lite0", 128, 30.3),
    ):
        network = faster(zoo.build(name, num_classes=5, input_size=size))
        assert memory.picture_bytes(network) / 1e6 == pytest.approx(measured, rel=0.2), name


def test_people_are_reported(capsys: pytest.CaptureFixture[str]):
    from rich.console import Console

    event = BatchLowered(batch_size=8, accumulation=4, needed_bytes=3_000_000_000, free_bytes=1_000_000_000)
    Display(Terminal(Console(width=300)))(event)
    assert (
        "needs about 3,000 MB, and 1,000 MB are free. The batch size is now 8, and the gradients of 4 batches"
        in capsys.readouterr().out
    )
    Display(Terminal(Console(width=300)))(msgspec.structs.replace(event, needed_bytes=0, free_bytes=0))
    assert "the device refused it. The batch size is now 8" in capsys.readouterr().out
