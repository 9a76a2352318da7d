"""Commands and scripts in processes that have imported everything before they begin: none imports torch again."""

import multiprocessing
import os
import runpy
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([
    "eyebright.cli.app", "eyebright.runs.train", "eyebright.training.torch.fit", "eyebright.network.onnx",
    "matplotlib.backends.backend_agg", "matplotlib.figure", "sklearn.linear_model", "sklearn.model_selection",
])  # fmt: skip


def run(arguments: Sequence[str], folder: Path, script: Path | None = None) -> tuple[int, bytes]:
    """Run the command, or a script, in a folder, on 80 columns; in a script, a `UserWarning` is an error.

    Returns its exit code, and all that it prints.
    """
    with tempfile.NamedTemporaryFile() as output:
        command = ["eyebright" if script is None else str(script), *arguments]
        process = _SERVER.Process(
            target=_run, args=(command, folder, os.environ | {"COLUMNS": "80"}, output.name, script)
        )
        process.start()
        process.join()
        return process.exitcode or 0, output.read()


def _run(command: list[str], folder: Path, environment: dict[str, str], output: str, script: Path | None) -> None:
    from eyebright.__main__ import main

    with open(output, "wb") as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv = command
    if script is None:
        main()
    else:
        warnings.simplefilter("error", UserWarning)
        runpy.run_path(str(script), run_name="__main__")
