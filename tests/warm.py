"""Commands in processes that have imported everything before they begin, so that none imports torch again."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([
    "eyebright.cli.app", "eyebright.runs.train", "eyebright.training.torch.fit", "eyebright.network.onnx",
    "matplotlib.backends.backend_agg", "matplotlib.figure", "sklearn.linear_model", "sklearn.model_selection",
])  # fmt: skip


def run(arguments: Sequence[str], folder: Path) -> tuple[int, bytes]:
    """Run the command in a folder, on 80 columns. Returns its exit code, and all that it prints."""
    with tempfile.NamedTemporaryFile() as output:
        process = _SERVER.Process(
            target=_run, args=(["eyebright", *arguments], folder, os.environ | {"COLUMNS": "80"}, output.name)
        )
        process.start()
        process.join()
        return process.exitcode or 0, output.read()


def _run(command: list[str], folder: Path, environment: dict[str, str], output: str) -> None:
    from eyebright.__main__ import main

    with open(output, "wb") as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv = command
    main()
