"""What `eyebright train` prints when it has ended: the result for programs, or what to type next for people."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from eyebright.healing import Healing
    from eyebright.runs import Result


class Outcome(NamedTuple):
    """What came of the command.

    Args:
        place: The run's folder.
        result: Of the training; None where a finished run was only healed.
        heal: Whether healing was asked for.
        second: The folder of the second training where it was named, else None.
        healed: What healing gave; None where nothing was tried.
        refused: Why nothing was tried, though something is advised.
    """

    place: Path
    result: "Result | None" = None
    heal: bool = False
    second: Path | None = None
    healed: "Healing | None" = None
    refused: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether something is left to go on with."""
        return bool(self.result and self.result.interrupted) or bool(self.healed and self.healed.interrupted)

    @property
    def going_on(self) -> str:
        """The command that goes on with it."""
        healing = " --heal" if self.heal else ""
        output = f" -o {shlex.quote(str(self.second))}" if self.heal and self.second is not None else ""
        return f"eyebright train --resume {shlex.quote(str(self.place))}{healing}{output}"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """What came of it, for programs."""
    data: dict[str, Any] = {"run": str(outcome.place)}
    if result := outcome.result:
        data |= {"interrupted": result.interrupted, "test": result.test}
    if healed := outcome.healed:
        compared = {"before": healed.before, "after": healed.after, "difference": healed.difference}
        data["healing"] = compared | {"kept": str(healed.kept), "interrupted": healed.interrupted}
    if outcome.refused:
        data["not_healed"] = outcome.refused
    return data


def say_what_next(outcome: Outcome) -> None:
    """What to type next, for people."""
    from eyebright import healing

    if outcome.interrupted:
        typer.echo(f"To go on with the training: {outcome.going_on}")
        return
    kept = shlex.quote(str(outcome.healed.kept if outcome.healed else outcome.place))
    if outcome.refused:
        typer.echo(f"Not healed: {outcome.refused}. To do it in a time of its own: {outcome.going_on}")
    elif outcome.heal and not outcome.healed:
        typer.echo("Nothing to heal: the verdict advises nothing that other settings could do.")
    elif not outcome.heal and healing.advises(outcome.place):
        typer.echo(f"Let the advice be tried:  eyebright train --resume {kept} --heal")
    typer.echo(f"Ask it:  eyebright predict {kept} PICTURES...")


def say_interrupted(outcome: Outcome, *, begun: bool) -> None:
    """How to go on after Ctrl-C, where there is something to go on with."""
    if begun:
        typer.echo(f"Interrupted. To go on: {outcome.going_on}", err=True)
    else:
        nothing_lost = "pictures that were prepared need not be prepared again"
        typer.echo(f"Interrupted before the training began; {nothing_lost}.", err=True)
