"""What is kept in the cache as plain text that fits 80 columns."""

from collections.abc import Sequence

from eyebright.cache import KINDS, Entry
from eyebright.report.tables import counted, fit, pad

_ABOUT, _NAME = 34, 24


def cache_text(entries: Sequence[Entry], place: str) -> str:
    """One line for each entry under its kind, with sizes, and how to remove them."""
    if not entries:
        return f"Nothing is kept in {place}."
    lines = []
    for kind, title in KINDS.items():
        here = [entry for entry in entries if entry.kind == kind]
        if here:
            lines += [f"{kind}: {title}", *map(_line, here), ""]
    total = sum(entry.size_bytes for entry in entries)
    return "\n".join(
        [*lines, f"{counted(len(entries), 'thing')}, {total / 1e6:,.1f} MB, in {place}",
         "To remove some: eyebright cache --remove packs --unused-days 30"]
    )  # fmt: skip


def _line(entry: Entry) -> str:
    days = round(entry.used_days)
    used = "today" if days < 1 else f"{counted(days, 'day')} ago"
    about = pad(fit(entry.about, _ABOUT), _ABOUT)
    name = "" if entry.about == entry.name else fit(entry.name, _NAME)
    return f"  {about} {entry.size_bytes / 1e6:9,.1f} MB  {used:>12}  {name}".rstrip()
