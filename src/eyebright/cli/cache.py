"""eyebright cache: list what is cached, or remove it."""

from typing import Annotated

import typer

from eyebright.system.errors import SettingsError
from eyebright.system.text import nearest

EXAMPLES = ("eyebright cache", "eyebright cache --remove packs --unused-days 30")


def cache(
    remove: Annotated[
        str | None,
        typer.Option(help="Remove entries: a kind such as packs, the name of an entry, or all.", show_default=False),
    ] = None,
    unused_days: Annotated[
        float, typer.Option(min=0, help="For --remove: only entries that were not used for so many days.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> None:
    """List the cached files, or remove them.

    They only save time: whatever is removed is made again when it is needed.
    """
    from eyebright.report.tables import cache_text
    from eyebright.system import files, records
    from eyebright.system.cache import CONTENTS, entries
    from eyebright.system.cache import remove as remove_entries

    found = entries()
    if remove is None:
        if unused_days:
            raise SettingsError("--unused-days is only used with --remove, as in --remove packs --unused-days 30")
        typer.echo(records.to_json(found) if as_json else cache_text(found, str(files.cache_folder())))
        return
    if remove not in {"all", *CONTENTS, *(entry.name for entry in found)}:
        raise SettingsError(f"nothing in the cache is called {remove!r}: {nearest(remove, ['all', *CONTENTS])}")
    unwanted = [
        entry for entry in found if remove in ("all", entry.kind, entry.name) and entry.used_days >= unused_days
    ]
    busy = remove_entries(unwanted)
    removed = [entry for entry in unwanted if entry not in busy]
    if as_json:
        typer.echo(records.to_json({"removed": removed, "in_use": busy}))
        return
    size = f"{sum(entry.size_bytes for entry in removed) / 1e6:,.1f} MB"
    typer.echo(f"Removed {len(removed):,} of {len(found):,} entries ({size}).")
    for entry in busy:
        typer.echo(f"Not removed, because another process uses it: {entry.kind}/{entry.name}")
