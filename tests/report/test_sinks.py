"""TensorBoard's files are read back by their format, without eyebright."""

import csv
import struct
import sys
from pathlib import Path

import msgspec
import pytest

from eyebright.report.sinks import opened, require
from eyebright.system.errors import MissingExtraError, OutputError, SettingsError
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.events.results import Evaluated


def ended(epoch: int, loss: float) -> EpochEnded:
    return EpochEnded(
        epoch=epoch, epochs=3, train_loss=loss, train_accuracy=0.5, validation_loss=loss + 1, validation_accuracy=0.25,
        learning_rate=0.125, best=True, seconds=1.5, cpu_seconds=3.0, pictures_per_second=640.0,
    )  # fmt: skip


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "epochs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_is_complete_after_each_epoch_and_has_each_epoch_once(tmp_path):
    with opened(["csv", "csv"], tmp_path, [ended(1, 0.5), ended(2, 0.4)]) as sinks:
        assert len(sinks) == 1
        for loss, epoch in ((0.3, 2), (0.2, 3)):  # the second epoch is repeated after a crash
            sinks[0](ended(epoch, loss))
            assert [row["epoch"] for row in table(tmp_path)] == [str(number) for number in range(1, epoch + 1)]
    rows = table(tmp_path)
    assert [float(row["train_loss"]) for row in rows] == [0.5, 0.3, 0.2]
    assert {"validation_loss", "validation_accuracy", "learning_rate", "seconds", "best"} <= rows[0].keys()


def test_the_error_names_a_table_that_cannot_be_written(tmp_path):
    (tmp_path / "epochs.csv").mkdir()
    with opened(["csv"], tmp_path, []) as sinks, pytest.raises(OutputError, match=r"epochs\.csv cannot be written"):
        sinks[0](ended(1, 0.5))


def records(file: Path) -> list[bytes]:
    """The records of a TFRecord file: length (8 bytes), its checksum (4), content, its checksum (4)."""
    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(data[12 : 12 + length])
        data = data[12 + length + 4 :]
    return found


def test_tensorboard_reads_the_scalars_of_each_epoch(tmp_path):
    proto = pytest.importorskip("tensorboardX.proto.event_pb2")
    for earlier, epochs in (([], (1, 2)), ([ended(1, 0.5)], (2, 3))):
        with opened(["tensorboard"], tmp_path, earlier) as (sink,):
            for epoch in epochs:
                sink(ended(epoch, epoch / 10))
            sink(Evaluated(side="test", pictures=4, accuracy=0.75, low=0.5, high=1.0, loss=0.1))
    events = [
        proto.Event.FromString(record) for file in (tmp_path / "tensorboard").iterdir() for record in records(file)
    ]
    scalars = {(value.tag, event.step): value.simple_value for event in events for value in event.summary.value}
    for epoch in (1, 2, 3):
        assert scalars["loss/train", epoch] == pytest.approx(epoch / 10)
        assert scalars["loss/validation", epoch] == pytest.approx(1 + epoch / 10)
        assert scalars["learning_rate", epoch] == 0.125
    assert scalars["accuracy/test", 0] == 0.75
    assert [event.step for event in events if event.session_log.status == proto.SessionLog.START] == [2]  # purges


def test_what_a_detector_does_not_measure_is_not_logged(tmp_path):
    """It has no accuracy of the steps of an epoch, and its measure is mAP50."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2")
    with opened(["csv", "tensorboard"], tmp_path, []) as sinks:
        for sink in sinks:
            sink(msgspec.structs.replace(ended(1, 0.5), running_accuracy=None, measure="mAP50"))
            sink(Evaluated(side="test", pictures=4, accuracy=0.75, low=0.5, high=1.0, loss=None, measure="mAP50"))
    (row,) = table(tmp_path)
    assert (row["running_accuracy"], row["train_accuracy"], row["measure"]) == ("", "0.5", "mAP50")
    (file,) = (tmp_path / "tensorboard").iterdir()
    tags = {value.tag for record in records(file) for value in proto.Event.FromString(record).summary.value}
    assert {"mAP50/train", "mAP50/validation", "mAP50/test"} < tags
    assert not [tag for tag in tags if "accuracy" in tag or tag == "mAP50/running"]


def test_an_unknown_sink_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match=r"log = csw: unknown log, did you mean 'csv'\?"):
        require(["csw"])


def test_a_missing_package_is_named_with_the_command_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyebright\[tensorboard\]'"):
        require(["tensorboard"])
    require(["csv"])
