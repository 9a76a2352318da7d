import subprocess
import sys

import pytest

import eyebright as eb

COMMANDS = ["train", "evaluate", "predict", "networks", "inspect", "arithmetic", "demo", "audit", "fetch", "cache"]


def test_version(eyebright):
    assert eyebright("--version").out.strip() == f"eyebright {eb.__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(command, eyebright):
    finished = eyebright(command, "--help")
    assert finished.code == 0
    assert f"Example: eyebright {command}" in finished.out
    assert all(len(line) <= 80 for line in finished.out.splitlines())


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_is_not_cut_off_and_has_no_python_types(command, eyebright):
    out = eyebright(*command, "--help").out
    for several in ("[ARGS]...", "{PICTURES}...", "PICTURES <list[str]>"):  # Typer writes arguments like this
        out = out.replace(several, "")
    assert "..." not in out and "list[" not in out


def test_help_lists_the_commands(eyebright):
    out = eyebright("--help").out
    assert all(f"  {command} " in out for command in COMMANDS)


def test_an_unknown_command_is_an_error(eyebright):
    assert eyebright("tarin").code == 2


def test_python_dash_m_is_the_command():
    finished = subprocess.run([sys.executable, "-m", "eyebright", "--version"], capture_output=True, text=True)
    assert finished.stdout.startswith("eyebright ")
