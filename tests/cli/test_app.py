import re
import subprocess
import sys

import pytest

import eyebright as eb
from eyebright.cli.app import main

COMMANDS = [
    *("train", "evaluate", "predict", "promise", "explain", "report", "audit", "crops", "diff", "drift", "export"),
    *("import", "networks", "inspect", "arithmetic", "fetch", "cache", "demo"),
]


def test_version(eyebright):
    assert eyebright("--version").out.strip() == f"eyebright {eb.__version__}"


@pytest.mark.parametrize("command", [*COMMANDS, "arithmetic conv", "arithmetic pool"])
def test_the_help_of_every_command_has_examples_to_copy_line_by_line(command, eyebright):
    finished = eyebright(*command.split(), "--help")
    assert finished.code == 0
    assert all(len(line) <= 80 for line in finished.out.splitlines())
    described, _, examples = finished.out.partition("\n  Example")
    lines = examples.partition(":\n")[2].splitlines()
    assert all(line.startswith("    eyebright ") for line in lines)
    own = [line for line in lines if f"{line} ".startswith(f"    eyebright {command} ")]
    assert own
    for option in re.findall(r"(?<= )--?[a-z]\S*", " ".join(own)):
        assert command == "arithmetic" or re.search(rf"^ .*{option}\b", described, re.MULTILINE)


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_help_is_not_cut_off_and_has_no_python_types(command, eyebright):
    out = eyebright(*command, "--help").out
    for several in (
        "[ARGS]...",
        "{PICTURES}...",
        "[PICTURES]...",
        "PICTURES <list[str]>",
    ):  # Typer writes arguments like this
        out = out.replace(several, "")
    assert "..." not in out and "list[" not in out


def test_help_lists_the_commands(eyebright):
    out = eyebright("--help").out
    assert all(f"  {command} " in out for command in COMMANDS)


def test_an_unknown_command_is_an_error(eyebright):
    assert eyebright("tarin").code == 2


@pytest.mark.parametrize(("terminal", "longest"), [(40, 40), (200, 80)])
def test_errors_fit_into_the_terminal(terminal, longest, monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", str(terminal))
    monkeypatch.setattr("sys.argv", ["eyebright", "inspect", "a-network-that-nobody-knows"])
    with pytest.raises(SystemExit):
        main()
    widths = [len(line) for line in capfd.readouterr().err.splitlines()]
    assert len(widths) > 400 / longest and 0.8 * longest < max(widths) <= longest


def test_an_error_of_the_system_names_its_file(eyebright, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "here/split.csv")

    monkeypatch.setattr("eyebright.system.interrupts.handled", fails)
    assert eyebright("networks").err == "Error: here/split.csv: No such file or directory\n"


def test_python_dash_m_is_the_command():
    finished = subprocess.run([sys.executable, "-m", "eyebright", "--version"], capture_output=True, text=True)
    assert finished.stdout.startswith("eyebright ")


def test_what_is_loaded_is_not_searched_for_garbage_and_what_comes_later_is():
    code = (
        "import atexit, gc, runpy, sys\n"
        "import eyebright.cli.app as app\n"
        "found = []\n"
        "now = lambda: found.append((gc.isenabled(), gc.get_freeze_count() > 1000))\n"
        "app._run = lambda: (app.app(standalone_mode=False), now())\n"
        "sys.argv = ['eyebright', 'networks']\n"
        "runpy.run_module('eyebright', run_name='__main__')\n"
        "print(found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[(True, True)]"
