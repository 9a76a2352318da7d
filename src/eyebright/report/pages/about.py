"""What the page of a run shows beside its evaluation, whether a classifier or a detector was trained."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eyebright.report.pages.charts import Chart


class ShownVerdict(NamedTuple):
    """A verdict as a page shows it: the problem, what shows it, what to try, and the commands for that."""

    kind: str
    text: str
    advice: str = ""
    commands: tuple[str, ...] = ()


class AboutRun(NamedTuple):
    """What was found, what the model is made of, and what to do next; parts that are empty are left out.

    Args:
        name: What the images are called.
        date: When the run was started.
        verdicts: What the figures show, the most important first.
        facts: What the model is, in a few names and values.
        commands: What to do with the model: a few words, and the command.
        training: Charts of the training.
        data: What is known of the data, in sentences.
        sets: How many images or boxes each class has in the training, validation and test set.
        settings: All settings, as config.toml has them.
        repeat: The command that repeats the run.
        repeat_text: What it gives.
        versions: The versions of what it was made with.
    """

    name: str
    date: str
    verdicts: Sequence[ShownVerdict] = ()
    facts: Sequence[tuple[str, str]] = ()
    commands: Sequence[tuple[str, str]] = ()
    training: Sequence[Chart] = ()
    data: Sequence[str] = ()
    sets: Sequence[tuple[str, int, int, int]] = ()
    settings: str = ""
    repeat: str = ""
    repeat_text: str = ""
    versions: Mapping[str, str] = {}
