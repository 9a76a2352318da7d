"""eyebright fetch: download published image sets by name."""

import shlex
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from eyebright.system.errors import SettingsError
from eyebright.system.progress import Stage

_COLUMNS = 80
EXAMPLE = "Example: eyebright fetch --list; then: eyebright fetch flowers -o flower_photos"


def fetch(
    name: Annotated[str, typer.Argument(help="The name of the set: see --list.", show_default=False)] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder to create [default: in the cache]", show_default=False),
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="A file downloaded by hand; may be repeated.", show_default=False),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the names with sizes and licences.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Download a published image set, check it, and unpack it."""
    from eyebright.data.published.fetch import fetch_set
    from eyebright.data.published.sets import SETS
    from eyebright.system import records

    if listed:
        rows = [{"name": key, "title": s.title, "bytes": s.size_bytes, "licence": s.licence} for key, s in SETS.items()]
        typer.echo(records.to_json(rows) if as_json else _table())
        return
    if not name:
        raise SettingsError(
            "missing name of an image set, as in: eyebright fetch flowers; all names: eyebright fetch --list"
        )
    with _Bar(to_stderr=as_json) as bar:
        try:
            place = fetch_set(name, output, given=given or (), report=bar)
        except KeyboardInterrupt:
            typer.echo("Interrupted. Run the same command again to continue.", err=True)
            raise typer.Exit(130) from None
    own = SETS[name]
    command = f"eyebright train {shlex.quote(str(place))} -o {name}_run"
    if as_json:
        result = {
            "name": name,
            "place": str(place),
            "bytes": own.size_bytes,
            "licence": own.licence,
            "command": command,
        }
        typer.echo(records.to_json(result))
    else:
        typer.echo(
            f"{own.title}: {place}\nLicence: {own.licence}\nSize:    {_size(own.size_bytes)}\nTrain:   {command}"
        )


def _table() -> str:
    from eyebright.data.published.sets import SETS

    lines, indent = [f"{'name':14} {'download':>9}  content and licence"], " " * 26
    for name, own in SETS.items():
        lines.append(f"{name:14} {_size(own.size_bytes):>9}  {own.title}")
        lines += textwrap.wrap(own.licence, _COLUMNS, initial_indent=indent, subsequent_indent=indent)
    return "\n".join(lines)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes else "none"


class _Bar:
    """Shows how many bytes are done, if there is a terminal."""

    def __init__(self, *, to_stderr: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        console = Console(stderr=to_stderr)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=12), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None, visible=False)
        self._stage = ""

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, stage: Stage, done: int, of: int | None) -> None:
        if stage != self._stage:
            self._progress.reset(self._task, total=of, description=stage, visible=True)
            self._stage = stage
        self._progress.update(self._task, completed=done, total=of)
