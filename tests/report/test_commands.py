"""Commands and lines of Python that follow an advice."""

import ast
import shlex
import textwrap
from typing import Any

import msgspec
import pytest

from eyebright.report.commands import command_text, python_text
from eyebright.runs.request import Request
from eyebright.training.settings import Settings


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("eyebright predict run PICTURES", "  eyebright predict run PICTURES"),
        (
            f"  eyebright train {'p' * 60} -o run --epochs 30",
            f"  eyebright train {'p' * 60} \\\n    -o run --epochs 30",
        ),
        (
            f"eyebright train 'my images of {'p' * 40}' -o {'r' * 60} --heal",
            f"  eyebright train 'my images of {'p' * 40}' \\\n    -o {'r' * 60} --heal",
        ),
    ],
)
def test_a_command_is_broken_between_words_at_80_columns(command: str, text: str) -> None:
    assert command_text(command) == text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("length", range(1, 60))
def test_no_line_of_a_command_is_wider_than_80_columns(length: int) -> None:
    command = shlex.join(["eyebright", "train", "p" * length, "-o", "r" * length, "--size", "128", "--heal"])
    lines = command_text(command).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert len(lines) == 1 or len(f"  {command}") + 2 > 80


def test_a_broken_command_is_the_same_to_a_shell() -> None:
    words = ["eyebright", "train", "a b" * 20, *(f"--option-{number}={number * 'x'}" for number in range(30))]
    assert shlex.split(command_text(shlex.join(words)).replace("\\\n", "")) == words


@pytest.mark.parametrize(
    "remedy",
    [
        {"epochs": 2},
        {"rotation": 0.1, "zoom": 0.1, "shift": 0.1},
        {"network": "auto", "minutes": 5},
        {"cutmix": 1.0, "epochs": 2, "dropout": 0.4},
        {"network": "auto", "minutes": 5, "dropout": 0.4},
    ],
)
def test_advice_in_python_is_python_that_the_functions_take(remedy: dict[str, Any]) -> None:
    """Every name in it is an argument of what is called, or an option of it."""
    lines = python_text(remedy)
    assert max(map(len, lines)) <= 80
    call = ast.parse(textwrap.dedent("\n".join(lines))).body[-1].value
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    assert {name: ast.literal_eval(named[name]) for name in remedy} == remedy
    options = {field.name for kind in (Request, Settings) for field in msgspec.structs.fields(kind)}
    assert named.keys() <= options | {"settings"}
