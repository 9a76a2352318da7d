import msgspec
import pytest

from eyebright.report.history import History, Recorder
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import EpochEnded


def step(loss: float) -> StepDone:
    return StepDone(epoch=1, epochs=2, pictures=8, of=16, loss=loss, accuracy=0.5)


def ended(epoch: int, loss: float) -> EpochEnded:
    return EpochEnded(
        epoch=epoch, epochs=2, train_loss=loss, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5,
        learning_rate=1e-3, best=epoch == 1, seconds=1, cpu_seconds=1, pictures_per_second=8, pictures=16 * epoch,
        sample=8, running_loss=loss + 1, running_accuracy=0.25,
    )  # fmt: skip


@pytest.mark.parametrize(("earlier", "first"), [(None, 2.5), ([], 0.0)])
def test_the_first_loss_is_that_of_a_training_from_the_start(earlier: list[Event] | None, first: float) -> None:
    recorder = Recorder([], earlier)
    for loss in (2.5, 1.5):
        recorder(step(loss))
    assert recorder.first_loss == first


def test_every_event_is_passed_on_and_epochs_become_a_history_with_earlier_ones() -> None:
    one: list[Event] = []
    other: list[Event] = []
    recorder = Recorder([one.append, other.append], [ended(1, 2.0)])
    recorder(step(1.0))
    recorder(ended(2, 1.0))
    assert one == other
    assert len(one) == 2
    assert recorder.history.loss == (2.0, 1.0)
    assert recorder.history.best_epoch == 1
    assert recorder.history.pictures == (16, 32)
    assert recorder.history.running_loss == (3.0, 2.0)


def test_in_logs_of_older_versions_training_figures_are_running_ones() -> None:
    old = msgspec.structs.replace(ended(1, 2.0), sample=0, running_loss=0.0, running_accuracy=0.0)
    history = Recorder([], [old]).history
    assert (history.running_loss, history.running_accuracy) == ((2.0,), (0.5,))


def test_a_history_is_shown_with_a_row_for_each_epoch_the_best_one_marked() -> None:
    history = History(
        loss=(1.5, 0.25), accuracy=(0.5, 0.875), validation_loss=(1.25, 0.5), validation_accuracy=(0.25, 0.75),
        pictures_per_second=(900.4, 1200.0), best_epoch=2,
    )  # fmt: skip
    title, header, *rows = repr(history).splitlines()
    assert title == "History: 2 epochs, best epoch 2 (marked *)"
    assert header.split("  ") == ["epoch", "training loss", "accuracy", "validation loss", "accuracy", "images/s"]
    assert [row.split() for row in rows] == [
        ["1", "1.50", "50.0%", "1.25", "25.0%", "900"],
        ["2", "*", "0.250", "87.5%", "0.500", "75.0%", "1,200"],
    ]
    assert "1,200</td>" in history._repr_html_()
    assert repr(History()) == "History: 0 epochs"


def test_a_history_without_accuracies_shows_the_losses() -> None:
    assert repr(History(loss=(12.0, 0.00012))).splitlines() == [
        "History: 2 epochs",
        "epoch  training loss",
        "1               12.0",
        "2           0.000120",
    ]


def test_the_lists_have_the_names_of_keras() -> None:
    history = History(loss=(1.0,), validation_loss=(2.0,), accuracy=(0.1,), validation_accuracy=(0.2,))
    assert history.history == {"loss": [1.0], "accuracy": [0.1], "val_loss": [2.0], "val_accuracy": [0.2]}
    assert History(loss=(0.5, 0.25)).history == {"loss": [0.5, 0.25]}


def test_the_history_of_a_detector_names_its_measure_and_has_no_running_accuracy() -> None:
    epochs = [msgspec.structs.replace(ended(at, 1.0), running_accuracy=None, measure="mAP50") for at in (1, 2)]
    history = History.from_events(epochs)
    assert history.running_accuracy == () and history.running_loss == (2.0, 2.0)
    assert history.history["val_mAP50"] == [0.5, 0.5]
    assert repr(history).splitlines()[1].split("  ")[1:5] == ["training loss", "mAP50", "validation loss", "mAP50"]
    assert [axes.get_title() for axes in history.plot().axes] == ["mAP50", "Loss"]


def test_the_history_plots_what_was_measured() -> None:
    both = History(loss=(1.0, 0.5), validation_loss=(2.0, 1.5), accuracy=(0.1, 0.2), validation_accuracy=(0.2, 0.3))
    accuracy, loss = both.plot().axes
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [[0.1, 0.2], [0.2, 0.3]]
    assert [line.get_ydata().tolist() for line in loss.lines] == [[1.0, 0.5], [2.0, 1.5]]
    (loss,) = History(loss=(0.5, 0.25)).plot().axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[0.5, 0.25]]
