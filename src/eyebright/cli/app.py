"""The command line: all commands together; errors are printed as messages without a traceback."""

import codecs
import gc
import importlib
import io
import os
import shutil
import sys
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from eyebright import __version__
from eyebright.cli.arithmetic import renamed
from eyebright.system import interrupts, text
from eyebright.system.errors import EyebrightError
from eyebright.training import processes, trainer

_NOT_NEEDED: Any = ("openvino.tools.ovc", None)
"""Python does not import a module that is None: OpenVINO's converter takes half the time of its import."""
_HELP = {"help_option_names": ["-h", "--help"]}
_NAMES = (
    "train", "evaluate", "predict", "promise", "explain", "report", "audit", "crops", "diff", "drift", "export",
    "import", "networks", "inspect", "arithmetic", "fetch", "cache", "demo",
)  # fmt: skip


class _Commands(TyperGroup):
    """The commands: each is a module of this room, imported when it is asked for.

    One that is interrupted, and has not said more itself, can be repeated.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = dict.fromkeys(_NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _NAMES:
            return None
        stem = "import_model" if cmd_name == "import" else cmd_name  # a module cannot have a keyword's name
        module = importlib.import_module(f"eyebright.cli.{stem}")
        found = getattr(module, "app", None)
        if found is None:
            found = typer.Typer(rich_markup_mode=None, add_completion=False, context_settings=_HELP)
            found.command(cmd_name, epilog=text.examples(module.EXAMPLES))(getattr(module, stem))
        if not gc.isenabled():  # as the command line starts, see `__main__`
            gc.freeze()
            gc.enable()
        return typer.main.get_command(found)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, renamed(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Interrupted. To continue, repeat the command.", err=True)
            raise typer.Exit(interrupts.exit_code()) from None


app = typer.Typer(
    name="eyebright",
    cls=_Commands,
    help="Turn a folder of images into a classifier, or a detector of objects, you can trust.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_HELP,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"eyebright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


def _warn(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    _say(f"Warning: {message}")


def _say(message: str) -> None:
    """Write a message to stderr, in lines as wide as the terminal, at most 80 columns."""
    width = min(80, shutil.get_terminal_size().columns)
    print(text.message(message, width), file=sys.stderr)  # noqa: T201


def _run() -> None:
    """Run the command; of found processes that a launcher has started, rank 0 does and the others train with it."""
    if processes.launched().size == 1:
        with interrupts.handled():
            app()
    else:
        interrupts.by_default()
        trainer().run_together(app)


def main() -> None:
    """Run the command line."""
    codecs.register_error("in ascii", text.in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="in ascii")  # the terminal may lack a character
    warnings.showwarning = _warn
    sys.modules.setdefault(*_NOT_NEEDED)
    try:
        _run()
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except EyebrightError as problem:
        _say(f"Error: {problem}")
        sys.exit(1)
    except OSError as problem:  # such as a file that is gone since it was found
        place = "" if problem.filename is None else f"{problem.filename}: "
        _say(f"Error: {place}{problem.strerror or problem}")
        sys.exit(1)
