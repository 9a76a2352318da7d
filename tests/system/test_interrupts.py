"""Signals are sent to this process itself, while handlers are set that only raise or note them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from eyebright.system import interrupts

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="handlers need the main thread"
)


@pytest.fixture(autouse=True)
def a_minute_between_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock, which tests move; the handlers of the tests come back at the end."""
    now = [0.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    for number in interrupts.SIGNALS:
        signal.signal(number, signal.default_int_handler)  # a background job ignores Ctrl-C
    yield now
    for number, handler in before.items():
        signal.signal(number, handler)
    interrupts._interrupt = interrupts._Interrupt()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_every_signal_interrupts_the_work_and_has_its_exit_code(name, code):
    with interrupts.handled(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(getattr(signal, name))
    with interrupts.handled():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(getattr(signal, name))
        assert interrupts.exit_code() == code


def test_without_a_signal_the_code_is_that_of_ctrl_c():
    assert interrupts.exit_code() == 130


def test_a_signal_that_was_ignored_stays_ignored():
    """As nohup does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.handled():
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_signal_that_comes_twice_at_once_is_one_and_a_later_one_stops_the_keeping(a_minute_between_signals):
    with interrupts.handled():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        a_minute_between_signals[0] = 0.5
        signal.raise_signal(signal.SIGHUP)
        a_minute_between_signals[0] = 60.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.exit_code() == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # the third ends the process


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in interrupts.SIGNALS]
    with interrupts.handled():
        assert [signal.getsignal(number) for number in interrupts.SIGNALS] != before
    assert [signal.getsignal(number) for number in interrupts.SIGNALS] == before


def test_where_only_the_first_counts_all_others_are_ignored(a_minute_between_signals):
    interrupts.handle(once=True)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    a_minute_between_signals[0] = 60.0
    signal.raise_signal(signal.SIGTERM)
    assert not interrupts.pending()


def test_a_deferred_signal_is_reported_once():
    interrupts.handle(once=True)
    with interrupts.deferred():
        assert not interrupts.pending()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.pending()
        assert not interrupts.pending()


def test_a_deferred_signal_that_nobody_asked_for_is_raised_at_the_end():
    interrupts.handle()
    reached = False
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():
        signal.raise_signal(signal.SIGTERM)
        reached = True
    assert reached and not interrupts.pending()


def test_ignored_and_default_handlers():
    interrupts.ignore()
    signal.raise_signal(signal.SIGTERM)
    interrupts.by_default()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    interrupts.by_default()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_work_goes_on_when_its_terminal_is_closed():
    """Writing to a closed terminal is an error, which must not stop what is still being kept."""
    import pty

    script = (
        "import signal, sys\nfrom eyebright.system import interrupts\n"
        "with interrupts.handled():\n"
        "    try:\n        print('ready', flush=True)\n        while True:\n            signal.pause()\n"
        "    except KeyboardInterrupt:\n"
        "        print('saving', flush=True)\n        print('saving', file=sys.stderr, flush=True)\n"
        "        sys.exit(interrupts.exit_code())\n"
    )
    process, terminal = pty.fork()
    if not process:
        os.execv(sys.executable, [sys.executable, "-c", script])
    assert os.read(terminal, 5) == b"ready"
    os.close(terminal)  # the kernel sends SIGHUP
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 129


def test_a_thread_that_is_not_the_main_one_sets_no_handlers():
    found: list[bool] = []

    def work() -> None:
        with interrupts.handled():
            found.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]


def test_a_command_says_how_to_continue_and_ends_with_the_code_of_the_signal(tmp_path):
    """An audit is stopped by SIGTERM while it reads its first image."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    script = (
        "import os, signal, sys\nfrom eyebright.cli import app\nfrom eyebright.data.dataset import Dataset\n"
        "Dataset.open = lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.argv = ['eyebright', 'audit', sys.argv[1]]\napp.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (143, "Interrupted. To continue, repeat the command.")
