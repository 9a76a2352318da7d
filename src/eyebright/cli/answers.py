"""Answers of predict for programs: a line of JSON or CSV for each."""

import csv
import io
import sys
from typing import TYPE_CHECKING

import typer

from eyebright.system.text import printed_cell

if TYPE_CHECKING:
    from eyebright.tasks.detection.model.naming import NamedObjects
    from eyebright.tasks.detection.model.predictor import FoundObjects
    from eyebright.trust.prediction import Prediction, Unreadable


def print_json(answer: "Prediction | FoundObjects | NamedObjects | Unreadable") -> None:
    """Print an answer as a line of JSON; bytes of a file name that are not text are escaped."""
    import msgspec

    from eyebright.system import records

    whole = answer.name.encode("utf-8", "backslashreplace").decode()
    typer.echo(records.to_json(msgspec.structs.replace(answer, name=whole), indent=None))


def print_csv(*cells: str) -> None:
    """Print cells as a line of CSV, with names of files as they are."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(printed_cell, cells))
    sys.stdout.buffer.write(line.getvalue().encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
