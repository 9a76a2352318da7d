"""Runs the command line as a shell does, but in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from eyebright.cli.app import main


class Finished(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def eyebright(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Finished]:
    """Calls a command with its arguments; `code` is what a shell would see."""

    def run(*arguments: str | Path) -> Finished:
        monkeypatch.setattr("sys.argv", ["eyebright", *map(str, arguments)])
        capfdbinary.readouterr()
        code = 0
        try:
            main()
        except SystemExit as finished:
            code = finished.code if isinstance(finished.code, int) else 0 if finished.code is None else 1
        output = capfdbinary.readouterr()
        return Finished(code, output.out.decode(), output.err.decode())

    return run


@pytest.fixture
def quick() -> list[str]:
    """Options for a training of a second."""
    return [
        "--network",
        "flowers_cnn",
        "--epochs",
        "3",
        "--size",
        "16",
        "--batch-size",
        "8",
        "--learning-rate",
        "0.003",
        "--seed",
        "3",
    ]


@pytest.fixture
def run(make_folder: Callable[..., Path], eyebright: Callable[..., Finished], quick: list[str], tmp_path: Path) -> Path:
    """A finished run on the small folder of pictures."""
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick)
    assert finished.code == 0, finished.err
    return tmp_path / "run"
