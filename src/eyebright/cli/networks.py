"""eyebright networks: the named networks, and what each brought."""

from typing import Annotated

import typer

EXAMPLE = "Example: eyebright networks; then: eyebright inspect resnet18"


def networks(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List the named networks, their size, and what each brought."""
    from eyebright.report.catalog import catalog_rows, catalog_text
    from eyebright.system import records

    rows = catalog_rows()
    typer.echo(records.to_json(rows) if as_json else catalog_text(rows))
