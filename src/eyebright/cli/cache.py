"""eyebright cache: what is kept to save time, and removing it."""

from typing import Annotated

import typer

from eyebright.system import text
from eyebright.system.errors import SettingsError

EXAMPLE = "Example: eyebright cache; eyebright cache --remove packs --unused-days 30"


def cache(
    remove: Annotated[
        str | None,
        typer.Option(help="Remove entries: a kind, as in packs; an entry's name; or all.", show_default=False),
    ] = None,
    unused_days: Annotated[
        float, typer.Option(min=0, help="For --remove: only what was not used for so many days.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List what eyebright keeps to save time, or remove it.

    All of it can be made again.
    """
    from eyebright.report.tables import cache_text
    from eyebright.system import files, records
    from eyebright.system.cache import CONTENTS, entries
    from eyebright.system.cache import remove as remove_entries

    found = entries()
    if remove is None:
        if unused_days:
            raise SettingsError("--unused-days belongs to --remove, as in --remove packs --unused-days 30")
        typer.echo(records.to_json(found) if as_json else cache_text(found, str(files.cache_folder())))
        return
    known = {"all", *CONTENTS, *(entry.name for entry in found)}
    if remove not in known:
        raise SettingsError(f"there is nothing called {remove!r} to remove: {text.nearest(remove, ['all', *CONTENTS])}")
    unwanted = [
        entry for entry in found if remove in ("all", entry.kind, entry.name) and entry.used_days >= unused_days
    ]
    busy = remove_entries(unwanted)
    gone = [entry for entry in unwanted if entry not in busy]
    if as_json:
        typer.echo(records.to_json({"removed": gone, "in_use": busy}))
        return
    typer.echo(f"Removed {len(gone):,} of {len(found):,}: {sum(entry.size_bytes for entry in gone) / 1e6:,.1f} MB.")
    for entry in busy:
        typer.echo(f"In use by another process, and left: {entry.kind}/{entry.name}")
