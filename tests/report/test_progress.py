"""What a terminal, and a pipe, receive from a run; the sentences themselves are tested in test_sentences.py."""

import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import get_args

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from eyebright.report import progress, screen
from eyebright.report.progress import Display, shown
from eyebright.report.screen import Terminal
from eyebright.system.progress import Stage
from eyebright.training.events import fitting, results, starting
from eyebright.training.events.event import Progress, StepDone
from eyebright.trust.intervals import Difference, Share
from eyebright.trust.verdict import Verdict


def step(epoch: int, pictures: int, of: int = 1000, epochs: int = 15) -> StepDone:
    return StepDone(epoch=epoch, epochs=epochs, pictures=pictures, of=of, loss=0.6124, accuracy=0.7654)


def epoch_ended(epoch: int, *, best: bool) -> fitting.EpochEnded:
    return fitting.EpochEnded(
        epoch=epoch, epochs=15, train_loss=0.5123, train_accuracy=0.8154, validation_loss=0.7321,
        validation_accuracy=0.7512, learning_rate=1e-3, best=best, seconds=3.0, cpu_seconds=5.0,
        pictures_per_second=1812.4,
    )  # fmt: skip


STARTED = starting.RunStarted(
    pictures="my flowers", network="flowers_cnn", size=128, seed=0, epochs=15, classes=("daisy", "rose"), train=3021,
    validation=648, test=647, left_out=("daisy/bad.jpg: empty file", "very/" + "long/" * 40 + "name.jpg: damaged"),
    leaking=3, parameters=1_234_567, versions={}, naive_leak=0.14,
)  # fmt: skip
JUDGED = results.VerdictReached(
    kind="overfitting",
    text="Overfitting: [bold] training accuracy 99.0%.",
    advice="Add dropout, or:\n  eyebright train PICTURES -o NEW --augment rotation=0.1,zoom=0.1 \\\n    --epochs 30",
    others=(Verdict(kind="class failing", short="12.0% of daisy are correct", text="Long.", advice="Longer."),),
)
EVALUATED = results.Evaluated(side="test", pictures=647, accuracy=0.7012, low=0.66, high=0.74, loss=0.9, seen=12)
SAVED = results.ModelSaved(path="run/model", weights_sha256="0" * 64)
RUN = [
    Progress(stage="scanning", done=4317, of=None),
    Progress(stage="preparing", done=1, of=4317),
    Progress(stage="preparing", done=4317, of=4317),
    Progress(stage="comparing", done=2000, of=4317),
    STARTED,
    starting.FitChosen(fit="crop", lost=0.2),
    fitting.PrecisionChosen(precision="bfloat16", reason="a step takes 12 ms instead of 20 ms", threads=2),
    fitting.Planned(steps=1425, epochs=15.0, seconds=187.4),
    fitting.StartValidated(validation_loss=1.6, validation_accuracy=0.2),
    step(1, 32),
    step(1, 1000),
    epoch_ended(1, best=True),
    step(15, 32),
    epoch_ended(15, best=False),
    fitting.Stopped(reason="patience", epoch=15, best_epoch=1),
    fitting.Blended(share=0.75, epoch=1, validation_loss=0.62, validation_accuracy=0.762),
    results.Calibrated(temperature=1.234, error_before=0.0812, error_after=0.0234),
    JUDGED,
    EVALUATED,
    SAVED,
]
HEALED = results.Healed(
    pictures=648, before=Share.from_counts(387, 648), after=Share.from_counts(430, 648), kept="a b/healed",
    difference=Difference(value=0.066, low=0.026, high=0.103),
)  # fmt: skip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own terminal decides nothing."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the display takes for the time, in seconds."""
    now = SimpleNamespace(seconds=100.0)
    for module in (progress, screen):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def written(clock: SimpleNamespace) -> Callable[..., str]:
    """All that a display writes for events, one each second."""

    def written(*course: object, terminal: bool, run: str = "RUN", **options: object) -> str:
        target = Console(file=io.StringIO(), width=80, force_terminal=terminal, **options)
        place = Terminal(target)
        with Display(place) as display:
            display.run = run
            for event in course:
                clock.seconds += 1
                display(event)
                place._progress.refresh()
        return target.file.getvalue()

    return written


@pytest.fixture
def show(written: Callable[..., str]) -> Callable[..., list[str]]:
    """The same as lines, without escape codes."""

    def show(*course: object, terminal: bool = False, run: str = "RUN") -> list[str]:
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written(*course, terminal=terminal, run=run))
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()]

    return show


def test_paths_in_advice_are_as_people_type_them(written, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = replace(STARTED, pictures=f"{tmp_path}/my flowers"), replace(STARTED, pictures="/data/x")
    advice = results.VerdictReached(
        kind="leak suspected", text="Leak.", advice="To see them:\n  eyebright audit PICTURES"
    )
    assert "  eyebright audit 'my flowers'\n" in written(inside, advice, SAVED, terminal=False)
    assert "  eyebright audit /data/x\n" in written(outside, advice, SAVED, terminal=False)


@pytest.mark.parametrize("terminal", [False, True])
def test_all_lines_of_a_run_fit_80_columns(show: Callable, terminal: bool) -> None:
    assert max(map(cell_len, show(*RUN, HEALED, terminal=terminal, run="run"))) <= 80


def test_a_result_says_what_was_found_then_done_then_how_good_it_is_then_what_to_do(show: Callable) -> None:
    lines = show(*RUN, run="'my run'")
    assert lines[0] == "Found 4,316 images in 2 classes: 3,021 for training, 648 for validation, 647 for"
    assert lines[-7:] == [
        "Model saved: run/model",
        "Test accuracy 70.1% (95% interval 66.0-74.0%) on 647 held-out images",
        "12 images not counted: the model was trained on them or selected by them.",
        "Overfitting: [bold] training accuracy 99.0%. Add dropout, or:",
        "  eyebright train 'my flowers' -o 'my run_2' --augment rotation=0.1,zoom=0.1 \\",
        "    --epochs 30",
        "Also class failing: 12.0% of daisy are correct.",
    ]


def test_a_result_without_a_saved_model_is_shown_in_the_end(show: Callable) -> None:
    assert show(JUDGED, EVALUATED)[0].startswith("Test accuracy 70.1%")


@pytest.mark.parametrize(
    ("run", "command"),
    [
        ("RUN", "  eyebright train --config RUN/config.toml -o NEW"),
        ("'my runs/healed'", "  eyebright train --config 'my runs/healed'/config.toml -o 'my runs/healed_2'"),
    ],
)
def test_a_command_names_the_run_where_it_is_known(show: Callable, run: str, command: str) -> None:
    verdict = results.VerdictReached(
        kind="", text="Low.", advice="Try:\n  eyebright train --config RUN/config.toml -o NEW"
    )
    assert show(verdict, run=run)[-1] == command


def test_after_healing_a_command_names_the_second_run(show: Callable) -> None:
    verdict = results.VerdictReached(
        kind="", text="Low.", advice="Try:\n  eyebright train --config RUN/config.toml -o NEW"
    )
    healing = results.HealingBegun(kind="", changes={}, path="second", seconds=9)
    assert show(healing, verdict, run="first")[-1] == "  eyebright train --config second/config.toml -o second_2"


def test_healing_ends_with_the_run_that_is_kept(show: Callable) -> None:
    assert show(HEALED)[-1] == "Kept: a b/healed"


def test_the_accuracy_and_the_comparison_stand_out_on_a_terminal(written: Callable) -> None:
    text = written(*RUN, HEALED, terminal=True, color_system="standard")
    bold_cyan = r"\x1b\[1;36m([^\x1b]*)\x1b\[0m"
    assert re.findall(bold_cyan, text) == [
        "Test accuracy 70.1% (95% interval 66.0-74.0%) on 647 held-out images",
        "Second training: accuracy 66.4% against 59.7%: significantly better",
    ]


@pytest.mark.parametrize(
    ("terminal", "environment"), [(False, {}), (True, {"NO_COLOR": "1"}), (True, {"TERM": "dumb"})]
)
def test_no_escape_codes_are_written_where_they_are_not_wanted(
    written: Callable, show: Callable, monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = written(*RUN, HEALED, terminal=terminal)
    assert "\x1b" not in text and "\r" not in text
    assert text.splitlines() == show(*RUN, HEALED)


def test_each_epoch_is_a_row_of_figures_below_headings_the_best_one_marked(show: Callable) -> None:
    heading, first, last = show(epoch_ended(1, best=True), epoch_ended(15, best=False))
    assert first.split() == ["1/15", "0.512", "81.5%", "0.732", "75.1%", "*", "1,812"]
    assert last.split() == ["15/15", "0.512", "81.5%", "0.732", "75.1%", "1,812"]
    spans = [match.span() for match in re.finditer(r"epoch|(training|validation) loss|accuracy|images/s", heading)]
    figures = [match.span() for match in re.finditer(r"[\d.,/%]+", last)]
    assert len(spans) == len(figures) == 6
    assert all(start < figure_end <= end for (start, end), (_, figure_end) in zip(spans[1:], figures[1:], strict=True))


def test_the_weights_at_the_start_are_a_row_below_the_same_headings(show: Callable) -> None:
    heading, start, first = show(
        fitting.StartValidated(validation_loss=1.6, validation_accuracy=0.2), epoch_ended(1, best=True)
    )
    assert start.split() == ["start", "1.600", "20.0%"]
    assert start.index("20.0%") == first.index("75.1%") and heading.split()[0] == "epoch"


@pytest.mark.parametrize(
    ("of", "left"), [(1000, "0:17"), (40_000, "13:17"), (400_000, "2:13:17")]
)  # 100 images a second: the rest of this epoch, and another one
def test_the_bar_of_an_epoch_shows_images_rate_time_left_loss_and_accuracy(show: Callable, of: int, left: str) -> None:
    line = show(*(step(1, pictures, of, epochs=2) for pictures in (200, 300)), terminal=True)[-1]
    for part in ("epoch 1/2 ━", f"300/{of}", "loss 0.612", "accuracy 76.5%", "100/s", f"{left} left"):
        assert part in line
    assert "…" not in line


def test_the_longest_bar_is_not_cut_either(show: Callable) -> None:
    line = show(step(99, 1000, 50_000, epochs=100), step(99, 33_000, 50_000, epochs=100), terminal=True)[-1]
    for part in ("epoch 99/100 ━", "33000/50000", "loss 0.612", "accuracy 76.5%", "32,000/s", "0:02 left"):
        assert part in line
    assert "…" not in line


def test_the_rate_starts_again_with_each_epoch(show: Callable) -> None:
    assert " 50/s" in show(step(1, 10), step(1, 900), step(2, 100), step(2, 150), terminal=True)[-1]


def test_steps_of_a_trial_do_not_count_for_the_rate(show: Callable) -> None:
    plan = fitting.Planned(steps=1425, epochs=15.0, seconds=187.4)
    assert " 50/s" in show(step(1, 10), step(1, 900), plan, step(1, 100), step(1, 150), terminal=True)[-1]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Progress(stage="scanning", done=1234, of=None), "looking for images . 0:00 1234"),
        (Progress(stage="preparing", done=77, of=999), "preparing images [━╸╺]+ +77/999"),
        (
            Progress(stage="trying learning rates", done=40, of=200, note="rate 2.5e-04  loss 1.234"),
            "trying learning rates [━╸╺]+ +40/200 rate 2.5e-04  loss 1.234",
        ),
    ],
)
def test_a_terminal_shows_the_work_before_the_training_too(show: Callable, event: object, words: str) -> None:
    assert re.match(words, show(event, terminal=True)[-1])


def test_the_time_left_is_shown_after_two_seconds_of_a_stage(show: Callable) -> None:
    """10 images a second after the first report: 60 are left after three seconds."""
    course = [Progress(stage="preparing", done=done, of=100) for done in (10, 20, 30, 40)]
    left = dict(re.findall(r"(\d+)/100 ?(.*?) *$", "\n".join(show(*course, terminal=True)), re.MULTILINE))
    assert left == {"10": "", "20": "", "30": "0:07 left", "40": "0:06 left"}


@pytest.mark.parametrize(
    ("course", "title"),
    [
        ([], "starting"),
        ([Progress(stage="comparing", done=0, of=500)], "comparing images"),
        ([step(1, 30), STARTED], "starting the training"),
        ([step(15, 1000), fitting.Stopped(reason="finished", epoch=15, best_epoch=3)], "evaluating"),
    ],
)
def test_a_stage_without_a_report_shows_the_time_and_never_an_empty_bar(
    clock: SimpleNamespace, course: list[object], title: str
) -> None:
    target = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    place = Terminal(target)
    with Display(place) as display:
        for event in course:
            display(event)
        clock.seconds += 65
        target.file = io.StringIO()
        place._progress.refresh()
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", target.file.getvalue()).strip()
    assert re.fullmatch(rf"{title} [⠀-⣿] 1:05", re.split(r"\s*[\r\n]+", text)[-1])


def test_a_bar_moves_at_most_ten_times_a_second_but_always_to_its_end(clock: SimpleNamespace) -> None:
    place = Terminal(Console(file=io.StringIO(), force_terminal=True))
    with Display(place) as display:
        completed = []
        for seconds, done in ((0.0, 1), (0.09, 2), (0.11, 3), (0.12, 9), (0.13, 10)):
            clock.seconds = 100 + seconds
            display(Progress(stage="preparing", done=done, of=10))
            completed.append(place._progress.tasks[0].completed)
    assert completed == [1, 1, 3, 3, 10]


def test_a_pipe_receives_no_bars(show: Callable) -> None:
    assert show(Progress(stage="preparing", done=1, of=2), step(1, 1), step(1, 2)) == []


@pytest.mark.parametrize(
    ("reason", "best", "line"),
    [
        ("finished", 5, "Trained all epochs. The model has the weights of epoch 5 (marked *)."),
        ("interrupted", 5, "Interrupted after epoch 7. The model has the weights of epoch 5 (marked *)."),
        (
            "budget", 0,
            "Stopped after epoch 7 (time is up). No epoch was better than the start.",
        ),
        (
            "patience", 5,
            "Stopped early after epoch 7 (no further improvement). The model has the weights of epoch 5 (marked *).",
        ),
    ],
)  # fmt: skip
def test_the_end_has_its_reason_and_the_epoch_of_the_weights(show: Callable, reason: str, best: int, line: str) -> None:
    assert " ".join(" ".join(show(fitting.Stopped(reason=reason, epoch=7, best_epoch=best))).split()) == line


def test_where_nothing_was_trained_no_epoch_is_named(show: Callable) -> None:
    assert show(fitting.Stopped(reason="finished", epoch=0, best_epoch=0)) == []


def test_the_expected_time_and_the_headings_are_printed_once_for_each_training(show: Callable) -> None:
    plan = fitting.Planned(steps=1425, epochs=15.0, seconds=187.4)
    lines = show(step(1, 32), step(1, 64), STARTED, plan, step(1, 32), step(1, 1000), plan)
    assert lines[-1] == "Training 15 epochs (1,425 steps), about 3 min 7 s."
    assert sum("1,425 steps" in line for line in lines) == 1
    rows = show(epoch_ended(1, best=True), results.HealingBegun(kind="", changes={}, path="second", seconds=9),
                epoch_ended(1, best=True))  # fmt: skip
    assert sum("training loss" in row for row in rows) == 2
    second = show(plan, results.HealingBegun(kind="", changes={}, path="second", seconds=9), plan)
    assert sum("1,425 steps" in line for line in second) == 2


def test_a_display_knows_whether_a_run_can_be_resumed(show: Callable, clock: SimpleNamespace) -> None:
    display = Display(Terminal(Console(file=io.StringIO())))
    display(Progress(stage="scanning", done=1, of=None))
    assert not display.begun
    display(starting.Resumed(epoch=1))
    assert display.begun


def test_every_stage_has_a_title():
    assert set(progress._TITLES) == set(get_args(Stage))


def test_work_is_shown_on_the_screen_unless_it_is_not_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    for verbose, lines in ((True, ["Resuming after epoch 3."]), (False, [])):
        received = []
        with shown([received.append], verbose=verbose) as emit:
            emit(starting.Resumed(epoch=3))
        assert (capsys.readouterr().out.splitlines(), len(received)) == (lines, 1)


def test_without_a_run_the_advice_is_python(show: Callable) -> None:
    verdict = results.VerdictReached(
        kind="", text="Low.", advice="Try:\n  eyebright train --config RUN/config.toml -o NEW", remedy={"epochs": 9}
    )
    assert show(verdict)[1:] == [
        "  new = eb.Classifier(model.network, classes=model.classes)",
        "  new.fit(pictures, settings=model.settings, epochs=9)",
    ]
    assert show(verdict, run="run")[1:] == ["  eyebright train --config run/config.toml -o run_2"]
