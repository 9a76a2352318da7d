"""Commands and lines of Python for people to copy: what follows an advice, with their own paths, in 80 columns."""

import re
import shlex
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eyebright.system.text import printable

_COLUMNS = 80


def command_text(command: str) -> str:
    """A command to copy, indented; one that is wider than a terminal goes on in the next line, after a backslash."""
    lines = [" "]
    for word in re.findall(r"(?:-\S+ (?!-))?(?:'[^']*'|[^\s'])+", printable(command)):
        if lines[-1].strip() and len(lines[-1]) + len(word) + 3 > _COLUMNS:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines)


def typed_path(path: str) -> str:
    """A path as people type it: from the current folder if it lies below it."""
    here = Path.cwd()
    return shlex.quote(str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path)


def advised(advice: str, run: str, images: str) -> tuple[str, list[str]]:
    """The words of an advice, and its commands, each on one line, with the user's paths; the new run is named after
    this one.

    Args:
        advice: As in a verdict: words, then commands, in which RUN, NEW and PICTURES stand for paths.
        run: The folder of the run, as it is typed.
        images: The images, as they are typed.
    """
    words, _, commands = advice.partition("\n")
    folder = shlex.split(run)[0]
    paths = {"PICTURES": images, "RUN": run, "NEW": "NEW" if folder == "RUN" else shlex.quote(f"{folder}_2")}
    lines = re.sub(r" \\\n\s*", " ", commands).splitlines()
    return words, [re.sub(r"\b(PICTURES|RUN|NEW)\b", lambda found: paths[found[0]], line.strip()) for line in lines]


def python_text(remedy: Mapping[str, Any]) -> list[str]:
    """The lines of Python that follow the advice on a model which was trained by `fit`: there is no run to repeat.

    Args:
        remedy: The options to change, by their names.
    """
    changes = ", ".join(f"{name}={value!r}" for name, value in remedy.items())
    if not remedy.keys() & {"network", "dropout"}:
        lines = ["new = eb.Classifier(model.network, classes=model.classes)",
                 f"new.fit(pictures, settings=model.settings, {changes})"]  # fmt: skip
    else:
        same = "" if "network" in remedy else "network=model.network, settings=model.settings, "
        lines = [f'eb.train(pictures, "new_run", {same}{changes})']
    return [
        wrapped
        for line in lines
        for wrapped in textwrap.wrap(line, _COLUMNS, initial_indent="  ", subsequent_indent="    ")
    ]
