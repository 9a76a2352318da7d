import subprocess
import sys

import pytest

from eyebright.system import isolated


def program(folder, monkeypatch, code):
    (folder / "a_program.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "a_program"


def test_a_program_gets_its_arguments(tmp_path, monkeypatch):
    name = program(tmp_path, monkeypatch, "import sys\nopen(sys.argv[1], 'w').write(sys.argv[2])")
    isolated.run(name, tmp_path / "out", 7)
    assert (tmp_path / "out").read_text() == "7"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nprint('one', file=sys.stderr)\nsys.exit('two')", "^two$"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "^the process that reads it was killed$"),
    ],
)
def test_the_reason_of_a_refusal_is_its_last_line(tmp_path, monkeypatch, code, message):
    with pytest.raises(isolated.RefusedError, match=message):
        isolated.run(program(tmp_path, monkeypatch, code))


def test_a_program_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated, "_TIMEOUT_S", 0.2)
    with pytest.raises(isolated.RefusedError, match="takes more than"):
        isolated.run(program(tmp_path, monkeypatch, "import time\ntime.sleep(60)"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(
    ("deed", "outcome"),
    [
        ("bytearray(2_000_000_000)", "MemoryError"),
        ("open('big', 'wb').write(b'x' * 2_000_000)", "File too large"),
        ("while True: pass", ""),
    ],
)
def test_limits_hold_for_memory_files_and_time(tmp_path, deed, outcome):
    limits = "isolated.limit(memory_bytes=10**9, output_bytes=10**6, seconds=1)"
    code = f"from eyebright.system import isolated\n{limits}\n{deed}"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0 and outcome in run.stderr
