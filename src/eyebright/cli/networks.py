"""eyebright networks: the named networks, their sizes and papers."""

from typing import Annotated

import typer

EXAMPLES = ("eyebright networks", "eyebright inspect resnet18")


def networks(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the named networks with size, year and paper."""
    from eyebright.report.network_list import network_list_text, network_rows
    from eyebright.system import records

    rows = network_rows()
    typer.echo(records.to_json(rows) if as_json else network_list_text(rows))
