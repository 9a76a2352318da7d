import io
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from eyebright.report import progress
from eyebright.report.progress import Display
from eyebright.training import events
from eyebright.trust.intervals import Difference, Share
from eyebright.trust.verdict import Verdict


def step(epoch: int, pictures: int, of: int = 1000, epochs: int = 15) -> events.StepDone:
    return events.StepDone(epoch=epoch, epochs=epochs, pictures=pictures, of=of, loss=0.6124, accuracy=0.7654)


def epoch_ended(epoch: int, *, best: bool) -> events.EpochEnded:
    return events.EpochEnded(
        epoch=epoch,
        epochs=15,
        train_loss=0.5123,
        train_accuracy=0.8154,
        validation_loss=0.7321,
        validation_accuracy=0.7512,
        learning_rate=1e-3,
        best=best,
        seconds=3.0,
        cpu_seconds=5.0,
        pictures_per_second=1812.4,
    )


COURSE = [
    events.Progress(stage="scanning", done=4317, of=None),
    events.Progress(stage="preparing", done=1, of=4317),
    events.Progress(stage="preparing", done=4317, of=4317),
    events.Progress(stage="comparing", done=2000, of=4317),
    events.RunStarted(
        pictures="flowers",
        network="flowers_cnn",
        size=128,
        seed=0,
        epochs=15,
        classes=("daisy", "rose"),
        train=3021,
        validation=648,
        test=647,
        left_out=("daisy/bad.jpg: empty file", "very/" + "long/" * 40 + "name.jpg: damaged"),
        leaking=3,
        parameters=1_234_567,
        versions={},
    ),
    events.PrecisionChosen(precision="bfloat16", reason="a step takes 12 ms instead of 20 ms", threads=2),
    step(1, 32),
    step(1, 1000),
    epoch_ended(1, best=True),
    events.Resumed(epoch=1),
    step(15, 32),
    epoch_ended(15, best=False),
    events.Stopped(reason="patience", epoch=15, best_epoch=1),
    events.Calibrated(temperature=1.234, error_before=0.0812, error_after=0.0234),
    events.Judged(
        kind="overfitting",
        text="Overfitting: [bold] training accuracy 99.0%.",
        advice="Add dropout, or:\n  eyebright train PICTURES -o NEW --augment rotation=0.1,zoom=0.1,shift=0.1",
        others=(Verdict(kind="class failing", short="only 12.0% of daisy are told", text="Long.", advice="Longer."),),
    ),
    events.Evaluated(side="test", pictures=12_345, accuracy=0.7012, low=0.66, high=0.74, loss=0.9),
    events.Evaluated(side="test", pictures=12, accuracy=0.5, low=0.4, high=0.6, loss=0.9, seen=1_234),
    events.Extended(planned=15, epochs=30, learning_rate=0.0002),
    events.PicturesGone(names=tuple(f"daisy/{number}.png" for number in range(12))),
    events.ModelSaved(path="run/model", weights_sha256="0" * 64),
]


def test_an_advised_command_names_the_run_that_was_judged(show):
    judged = events.Judged(kind="", text="Low.", advice="Try:\n  eyebright train --config RUN/config.toml -o NEW")
    healing = events.HealingBegun(kind="", changes={}, path="my runs/healed", seconds=9)
    lines = show(judged, healing, judged)
    assert [line for line in lines if "config.toml" in line] == [
        "  eyebright train --config RUN/config.toml -o NEW",  # a display that was not told
        "  eyebright train --config 'my runs/healed'/config.toml -o NEW",
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the display takes for the time, in seconds."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def show(clock: SimpleNamespace) -> Callable[..., list[str]]:
    """The lines that a display writes when it is given events, one each second."""

    def show(*course: object, terminal: bool = False) -> list[str]:
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
        with Display(console) as display:
            for event in course:
                clock.seconds += 1
                display(event)
                display._progress.refresh()
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()]

    return show


@pytest.mark.parametrize("terminal", [False, True])
def test_a_whole_course_fits_80_columns(show: Callable, terminal: bool) -> None:
    assert max(map(cell_len, show(*COURSE, terminal=terminal))) <= 80


def test_a_whole_course_tells_its_figures(show: Callable) -> None:
    text = " ".join(" ".join(show(*COURSE)).split())
    for told in (
        "4,316 pictures in 2 classes: 3,021 to train, 648 to validate, 647 to test",
        "cannot be opened: 2",
        "daisy/bad.jpg: empty file",
        "on a later side: 3",
        "flowers_cnn at 128x128: 1,234,567 parameters",
        "bfloat16 on 2 threads: a step takes 12 ms instead of 20 ms",
        "Going on after epoch 1",
        "kept the weights of epoch 1",
        "Stopped after epoch 15",
        "temperature 1.23",
        "from 0.081 to 0.023",
        "[bold] training accuracy 99.0%. Add dropout, or: eyebright train PICTURES -o NEW --augment rotation=0.1,zoom",
        "shift=0.1 Also class failing: only 12.0% of daisy are told.",
        "Test accuracy 70.1% (95 % interval 66.0% to 74.0%) on 12,345 pictures",
        "1,234 others did not count: the model has seen them before.",
        "Up to epoch 30 instead of 15",
        "from a tenth of its peak, 0.0002.",
        "left out from now on: 12 (all in left_out.csv) daisy/0.png",
        "Model saved: run/model",
    ):
        assert told in text


def test_each_epoch_is_a_line_of_figures_under_headings_the_best_one_marked(show: Callable) -> None:
    heading, first, last = show(epoch_ended(1, best=True), epoch_ended(15, best=False))
    assert first.split() == ["1/15", "0.512", "81.5%", "0.732", "75.1%", "*", "1,812"]
    assert last.split() == ["15/15", "0.512", "81.5%", "0.732", "75.1%", "1,812"]
    spans = [match.span() for match in re.finditer(r"epoch|(training|validation) loss|accuracy|pictures/s", heading)]
    figures = [match.span() for match in re.finditer(r"[\d.,/%]+", last)]
    assert len(spans) == len(figures) == 6
    assert all(start < figure_end <= end for (start, end), (_, figure_end) in zip(spans[1:], figures[1:], strict=True))


@pytest.mark.parametrize(
    ("of", "rate", "left"), [(1000, "100/s", "0:17"), (40_000, "100/s", "13:17"), (400_000, "100/s", "2:13:17")]
)
def test_the_bar_shows_pictures_rate_time_left_loss_and_accuracy_uncut(
    show: Callable, of: int, rate: str, left: str
) -> None:
    line = show(*(step(1, pictures, of, epochs=2) for pictures in (200, 300)), terminal=True)[-1]
    assert f"300/{of}" in line
    assert "epoch 1/2" in line
    assert "loss 0.612" in line
    assert "accuracy 76.5%" in line
    assert rate in line
    assert f"{left} left" in line
    assert "…" not in line


def test_the_longest_bar_is_not_cut_either(show: Callable) -> None:
    line = show(step(99, 1000, 50_000, epochs=100), step(99, 33_000, 50_000, epochs=100), terminal=True)[-1]
    for told in ("epoch 99/100", "33000/50000", "loss 0.612", "accuracy 76.5%", "32,000/s", "0:02 left"):
        assert told in line
    assert "…" not in line


def test_the_rate_begins_anew_with_each_epoch(show: Callable) -> None:
    line = show(step(1, 10), step(1, 900), step(2, 100), step(2, 150), terminal=True)[-1]
    assert " 50/s" in line


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (events.Progress(stage="scanning", done=1234, of=None), "1234"),
        (events.Progress(stage="preparing", done=77, of=999), "77/999"),
        (
            events.Progress(stage="trying learning rates", done=40, of=200, note="rate 2.5e-04  loss 1.234"),
            "40/200 rate 2.5e-04  loss 1.234",
        ),
    ],
)
def test_a_terminal_sees_the_work_before_the_training_too(show: Callable, event: object, told: str) -> None:
    assert told in show(event, terminal=True)[-1]


def test_where_there_is_no_terminal_nothing_moves(show: Callable) -> None:
    assert (
        show(
            events.Progress(stage="scanning", done=1, of=None),
            events.Progress(stage="preparing", done=1, of=2),
            step(1, 1),
            step(1, 2),
        )
        == []
    )


@pytest.mark.parametrize(
    ("reason", "told"), [("finished", "all epochs"), ("patience", "nothing got better"), ("interrupted", "Interrupted")]
)
def test_the_end_tells_its_reason(show: Callable, reason: str, told: str) -> None:
    assert told in " ".join(show(events.Stopped(reason=reason, epoch=7, best_epoch=5)))


def test_streaming_is_told_with_what_would_be_needed(show: Callable) -> None:
    text = " ".join(show(events.Streaming(pictures=1_000_000, size_bytes=97_200_000_000)))
    assert "no room for 97,200 MB of prepared pictures" in text and "EYEBRIGHT_CACHE" in text


def healed(value: float, low: float, high: float) -> events.Healed:
    return events.Healed(
        pictures=648, before=Share.from_counts(387, 648), after=Share.from_counts(430, 648), kept="a b/healed",
        difference=Difference(value=value, low=low, high=high),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            healed(0.066, 0.026, 0.103),
            "better: of the same 648 validation pictures it tells 66.4%, the first 59.7%; +6.6",
        ),
        (healed(0.066, -0.01, 0.103), "not surely different"),
        (healed(-0.05, -0.09, -0.01), "The second is worse"),
    ],
)
def test_healing_tells_before_and_after_and_what_the_interval_allows(show: Callable, event: object, told: str) -> None:
    lines = show(event)
    assert told in " ".join(" ".join(lines).split())
    assert lines[-1] == "Kept: a b/healed"
    assert max(map(cell_len, lines)) <= 80


def test_healing_says_beforehand_what_it_tries_and_how_long_that_takes(show: Callable) -> None:
    changes = {"rotation": 0.1, "dropout": 0.2, "epochs": 15}
    text = " ".join(show(events.HealingBegun(kind="overfitting", changes=changes, path="run/healed", seconds=207.0)))
    assert "Healing (overfitting): training again with rotation 0.1, dropout 0.2, epochs 15; about 3:27" in text


def test_the_time_that_it_will_take_is_said_once_also_after_trials(show: Callable) -> None:
    plan = events.Planned(steps=1425, epochs=15.0, seconds=187.4)
    lines = show(step(1, 32), step(1, 64), COURSE[4], plan, step(1, 32), step(1, 1000), plan)
    assert [line for line in lines if "steps" in line] == ["1,425 steps, 15.0 epochs, are to take about 3 min 7 s."]
