"""eyebright audit: what is wrong with a set of pictures, before anything is learned from it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: eyebright audit flower_photos -o audit.json --page audit.html"


def audit(
    pictures: Annotated[
        str, typer.Argument(help="A folder with one folder of pictures for each class, or what else train takes.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the findings to this JSON file.", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Show the findings as pictures on this HTML page.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find copies, leaks, files that cannot be read and pictures that stand out; the pictures are only read."""
    from rich.console import Console

    from eyebright import auditing, codec
    from eyebright.report.audit_table import audit_text
    from eyebright.report.progress import Display

    auditing.require_free([place for place in (output, page) if place is not None], pictures, overwrite=overwrite)
    with Display(Console(stderr=as_json)) as display:
        found = auditing.audit(pictures, callbacks=[display])
        if page is not None:
            auditing.write_page(found, page)
    if output is not None:
        auditing.write(found, output)
    if as_json:
        typer.echo(codec.to_json(found.audit))
        return
    typer.echo(audit_text(found.audit, found.leak))
    for place in (output, page):
        if place is not None:
            typer.echo(f"Written: {place}")
    here = shlex.quote(pictures)
    if output is None and found.audit.findings:
        typer.echo(f"To look at them: eyebright audit {here} -o audit.json --page audit.html")
    elif found.audit.findings:
        typer.echo(f"To leave copies out: eyebright train {here} -o RUN --exclude {shlex.quote(str(output))}")
