"""eyebright fetch: download a published data set by its name, or what pages of `eyebright export --to web` contain."""

import shlex
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from eyebright.system.errors import SettingsError
from eyebright.system.progress import Stage

EXAMPLES = ("eyebright fetch --list", "eyebright fetch flowers -o flower_photos")
_WIDTH = 80


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the data set: see --list.", show_default=False)
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder to create [default: in the cache]", show_default=False),
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="A file that you downloaded; may be repeated.", show_default=False),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the names with sizes and licences.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Download a published data set, check it and unpack it."""
    from eyebright.data.published.fetch import fetch_set
    from eyebright.data.published.sets import SETS
    from eyebright.model.export import web_runtime
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.system import records

    if listed:
        rows = [{"name": key, "title": s.title, "bytes": s.size_bytes, "licence": s.licence} for key, s in SETS.items()]
        typer.echo(records.to_json(rows) if as_json else _table())
        return
    if not name:
        raise SettingsError("the name of a data set is missing, as in eyebright fetch flowers (list: --list)")
    is_runtime = name == web_runtime.NAME
    with Display(Terminal(console(stderr=True))) as display:

        def report(stage: Stage, done: int, of: int | None) -> None:
            display.bar(stage, done // 1_000_000, None if of is None else -(-of // 1_000_000), "MB")

        if is_runtime:
            folder = _fetch_runtime(given or [], output)
        else:
            folder = fetch_set(name, output, given=given or (), report=report)
    fetched, text = _runtime(folder) if is_runtime else _data_set(name, folder)
    typer.echo(records.to_json(fetched) if as_json else text)


def _data_set(name: str, folder: Path) -> tuple[dict[str, object], str]:
    """What was fetched, for programs and for people: a data set."""
    from eyebright.data.published.sets import SETS
    from eyebright.report.commands import command_text

    own, command = SETS[name], f"eyebright train {shlex.quote(str(folder))} -o {name}_run"
    text = (
        f"{own.title}: {folder}\nDownloaded: {_size(own.size_bytes)}\nLicence: {own.licence}\n"
        f"To train on it:\n{command_text(command)}"
    )
    return _fetched(name, folder, own.size_bytes, own.licence, command), text


def _runtime(folder: Path) -> tuple[dict[str, object], str]:
    """The same for the runtime of pages."""
    from eyebright.model.export.web_runtime import LICENCE, NAME, SIZE_BYTES, VERSION

    command = "eyebright export MODEL --to web -o FOLDER"
    text = f"ONNX Runtime Web {VERSION}: {folder}\nLicence: {LICENCE}\nTo make a page with it:\n{command}"
    return _fetched(NAME, folder, SIZE_BYTES, LICENCE, command), text


def _fetched(name: str, folder: Path, size_bytes: int, licence: str, command: str) -> dict[str, object]:
    return {"name": name, "place": str(folder), "bytes": size_bytes, "licence": licence, "command": command}


def _fetch_runtime(given: list[Path], output: Path | None) -> Path:
    from eyebright.model.export.web_runtime import NAME, fetch_runtime

    if output is not None or len(given) > 1:
        raise SettingsError(f"{NAME} is one file, given by --from or downloaded, and goes into the cache: leave -o out")
    return fetch_runtime(given=given[0] if given else None)


def _table() -> str:
    from eyebright.data.published.sets import SETS
    from eyebright.model.export.web_runtime import LICENCE, NAME, SIZE_BYTES

    lines, indent = [f"{'name':14} {'download':>9}  contents and licence"], " " * 26
    for name, own in SETS.items():
        lines += textwrap.wrap(own.title, _WIDTH, initial_indent=f"{name:14} {_size(own.size_bytes):>9}  ",
                               subsequent_indent=indent)  # fmt: skip
        lines += textwrap.wrap(own.licence, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    lines += ["", "What pages of eyebright export --to web contain:"]
    lines += [f"{NAME} {_size(SIZE_BYTES):>8}  ONNX Runtime Web", f"{indent}{LICENCE}"]
    return "\n".join(lines)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes else "nothing"
