from pathlib import Path

import pytest

from eyebright.network import zoo
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.runs.session import session, shared_out, started_by_this_group
from eyebright.system.errors import OutputError, SettingsError
from eyebright.training.events.fitting import SharedOut, Stopped
from eyebright.training.receivers import EventLog
from eyebright.training.settings import Settings

STOPPED = Stopped(reason="finished", epoch=3, best_epoch=2)
NETWORK = zoo.mlp(2, input_size=4)


def test_events_go_to_the_log_and_to_the_receiver_while_no_other_process_trains_there(tmp_path: Path):
    run, received = Run(tmp_path), []
    with session(run, Request(), NETWORK, received.append) as emit:
        emit(STOPPED)
        with pytest.raises(SettingsError, match="another process is training"), run.locked():
            pass
    assert received == run.read_events() == [STOPPED]
    with run.locked():
        pass


def test_a_full_disk_says_how_to_continue(tmp_path: Path):
    words = f"full. What was trained before is kept; continue with: eyebright train --resume {tmp_path}"
    with pytest.raises(OutputError) as refused, session(Run(tmp_path), Request(), NETWORK, print):
        raise OutputError("full")
    assert str(refused.value) == words


@pytest.mark.parametrize(("statistics", "norms"), [("batch", True), ("kept", False)])
def test_what_is_shared_says_whether_batch_norms_see_a_share(statistics, norms):
    network = zoo.named_network("resnet18").as_published()
    event = shared_out(Settings(batch_size=8, norm_statistics=statistics), network)
    assert (event.batch_size, event.norms) == (8, norms) and not shared_out(Settings(), NETWORK).norms


@pytest.mark.parametrize(
    ("restarts", "group", "ours"), [("0", "this", False), ("1", "this", True), ("2", "other", False)]
)
def test_only_a_group_that_was_started_again_continues_its_own_run(restarts, group, ours, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restarts)
    assert not started_by_this_group(tmp_path)
    EventLog(tmp_path / "events.jsonl")(SharedOut(processes=2, batch_size=8, norms=False, group=group))
    assert started_by_this_group(tmp_path) == ours
