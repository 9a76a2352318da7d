"""Groups of pictures that belong together, told from their names: frames of one track, shots of one patient."""

import re

from eyebright.datasets.sources import Found
from eyebright.errors import SettingsError


def grouped(found: Found, pattern: str) -> list[str]:
    """The group of each picture: its class, and what the expression captures in its name.

    A picture in whose name it finds nothing is in no group. Where the match contains a "/", it tells folders apart
    itself, and pictures of several classes may be one group.

    Args:
        found: The pictures.
        pattern: A regular expression; what its brackets capture counts or, without brackets, the whole match.

    Raises:
        SettingsError: When the expression is none, or finds nothing in any name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as problem:
        raise SettingsError(f"{pattern!r} is no regular expression: {problem}") from problem
    groups = []
    for name, label in zip(found.source.names, found.labels, strict=True):
        match = expression.search(name)
        if match is None:
            groups.append("")
        else:
            own = "" if "/" in match[0] else found.classes[label]
            groups.append("\0".join((own, *(part or "" for part in match.groups() or (match[0],)))))
    if not any(groups):
        raise SettingsError(f"{pattern!r} matches no picture's name, such as {found.source.names[0]!r}: no groups")
    return groups
