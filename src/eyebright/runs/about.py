"""What a run says about itself, of a classifier or a detector: on its page, beside the evaluation, and in Python."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath

from eyebright.data.pictures import Preparation
from eyebright.data.sources.ranged import without_token
from eyebright.network import Network
from eyebright.report.commands import advised, typed_path
from eyebright.report.pages.about import AboutRun, ShownVerdict
from eyebright.report.pages.charts import Chart
from eyebright.runs.folder import Run
from eyebright.system.table import Table
from eyebright.system.text import counted, printable
from eyebright.training.events.event import Event
from eyebright.training.events.results import VerdictReached
from eyebright.training.events.starting import RunStarted
from eyebright.training.receivers import last_event
from eyebright.trust.verdict import Verdict

_REPEATED = "On this machine, this command gives the same model again:"
_REPEATED_WITHIN = "This command trains again for as long, so its model may differ a little:"


def about_run(
    run: Run,
    events: Sequence[Event],
    *,
    facts: Sequence[tuple[str, str]],
    command: tuple[str, str],
    training: Sequence[Chart],
    data: Sequence[str],
    sets: Sequence[tuple[str, int, int, int]],
) -> AboutRun:
    """What a run says about itself.

    Args:
        run: The run, with its config.toml.
        events: What its log has.
        facts: What the model is, see `model_facts`.
        command: What to do with the model: a few words, and the command, in which RUN stands for the run.
        training: Charts of the training.
        data: What is known of the data, in sentences.
        sets: How many images or boxes each class has in the training, validation and test set.
    """
    (request, _), started = run.read(), last_event(events, RunStarted)
    pictures, here = without_token(request.pictures), typed_path(str(run.path.absolute()))
    images = "" if request.in_memory else typed_path(pictures)
    return AboutRun(
        name="Images in memory" if request.in_memory else printable(PurePath(pictures).name),
        date="" if started is None else datetime.fromtimestamp(started.time_s, UTC).strftime("%-d %B %Y"),
        verdicts=_verdicts(events, here, images or "PICTURES"),
        facts=facts,
        commands=[(command[0], command[1].replace("RUN", here))],
        training=training,
        data=data,
        sets=sets,
        settings=request.changed(pictures=pictures).to_toml(),
        repeat=f"eyebright train --config {here}/config.toml -o NEW" if images else "",
        repeat_text=_REPEATED_WITHIN if request.training.minutes else _REPEATED,
        versions={} if started is None else started.versions,
    )


def result_table(
    path: Path, *, test: tuple[str, str], python: str, options: str, verdicts: Sequence[str], interrupted: bool
) -> Table:
    """What a finished training shows: how good the model is, what the verdict says, and how to go on.

    Args:
        path: The run's folder.
        test: What was measured on the test set: its name and its value.
        python: How the model is used in Python.
        options: More options of `eyebright predict`.
        verdicts: Sentences about the training, the most important first.
        interrupted: Whether it was stopped before its end.
    """
    run = shlex.quote(str(path))
    rows = [
        test,
        ("model", str(path / "model")),
        ("report", str(path / "report.html")),
        ("in Python", python),
        ("in a terminal", f"eyebright predict {run} IMAGE{options}"),
    ]
    if interrupted:
        rows.append(("to continue", f"eyebright train --resume {run}"))
    title = f"Run {path}{' (interrupted)' if interrupted else ''}"
    return Table(title, rows=rows, notes=tuple(verdicts[:1]), names=2)


def model_facts(
    classes: Sequence[str], network: Network, preparation: Preparation, train: int, events: Sequence[Event]
) -> list[tuple[str, str]]:
    """What a model is: what it was trained on (`train` images), its network, and the size of its images."""
    started = last_event(events, RunStarted)
    return [
        ("Training images", f"{train:,}"),
        ("Classes", f"{len(classes):,}"),
        ("Network", started.network if started else counted(len(network.places), "layer")),
        ("Parameters", f"{network.parameter_count:,}"),
        ("Image size", f"{preparation.width} × {preparation.height}"),
    ]


def _verdicts(events: Sequence[Event], here: str, images: str) -> list[ShownVerdict]:
    """The last verdicts of a run, whose advice names it and its images as they are typed."""
    reached, found = last_event(events, VerdictReached), list[ShownVerdict]()
    last: list[VerdictReached | Verdict] = [] if reached is None else [reached, *reached.others]
    for verdict in last:
        words, commands = advised(verdict.advice, here, images)
        found.append(ShownVerdict(verdict.kind, verdict.text, words, tuple(commands)))
    return found
