import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import eyebright as eb
from eyebright.network import zoo
from eyebright.network.layers import Dropout
from eyebright.runs import heal
from eyebright.runs.folder import Run
from eyebright.runs.heal import OutOfTimeError, Trial, plan
from eyebright.runs.request import Request
from eyebright.runs.resume import resume
from eyebright.runs.start import read_source
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import EpochEnded, Stopped
from eyebright.training.events.results import Evaluated, Healed, HealingBegun, ModelSaved, VerdictReached
from eyebright.training.receivers import EventLog, read_events
from eyebright.training.settings import Settings
from eyebright.trust.intervals import Difference
from eyebright.trust.verdict import Verdict

NETWORK = zoo.mlp(3, input_size=8)


def epoch(number: int, seconds: float = 10.0) -> EpochEnded:
    return EpochEnded(
        epoch=number, epochs=2, train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5,
        learning_rate=1e-3, best=True, seconds=seconds, cpu_seconds=seconds, pictures_per_second=8,
    )  # fmt: skip


@pytest.fixture
def advised() -> Callable[..., Trial | None]:
    """The trial after a run of two epochs of ten seconds each, whose verdict advises the remedy."""

    def make(
        remedy: dict[str, Any], budget_s: float | None = None, *, comparing_s: float = 0.0, network: Any = NETWORK,
        weights: str = "", start_from: str = "", **settings: Any,
    ) -> Trial | None:  # fmt: skip
        training = Settings(**{"epochs": 2} | settings)
        request = Request(pictures="p", size=8, weights=weights, start_from=start_from, training=training)
        events: list[Event] = [epoch(1), epoch(2)] if training.epochs and not training.minutes else []
        events.append(VerdictReached(kind="overfitting", text="", advice="", remedy=remedy))
        return plan(request, network, events, budget_s, comparing_s=comparing_s)

    return make


@pytest.mark.parametrize(("budget_s", "minutes"), [(None, 5.0), (60.0, 1.0), (1000.0, 5.0), (100.0, 1.66)])
def test_after_a_head_alone_the_advised_minutes_are_tried_within_the_budget(advised, budget_s, minutes) -> None:
    trial = advised({"minutes": 5}, budget_s, epochs=0)
    assert trial.settings == Settings(epochs=0, minutes=minutes)
    assert (trial.changes, trial.seconds) == ({"minutes": minutes}, pytest.approx(60 * minutes, abs=0.06))


def test_a_budget_includes_the_comparison_and_is_refused_if_too_small(advised) -> None:
    assert advised({"minutes": 5}, 60.0, epochs=0, comparing_s=30.0).settings.minutes == 0.5
    for budget_s, comparing_s in ((60.0, 50.0), (17.0, 0.0), (0.0, 0.0)):
        with pytest.raises(OutOfTimeError, match=rf"needs at least {18 + comparing_s} s, the budget is {budget_s} s"):
            advised({"minutes": 5}, budget_s, epochs=0, comparing_s=comparing_s)


def test_the_changes_are_exactly_those_that_differ(advised) -> None:
    assert advised({"learning_rate": 0.1}).changes == {"learning_rate": 0.1}
    assert advised({"rotation": 0.1, "zoom": 0.3}, rotation=0.1).changes == {"zoom": 0.3}
    assert advised({"minutes": 4.0}, minutes=2.0).changes == {"minutes": 4.0}
    assert advised({"minutes": 4.0, "cutmix": 1.0}, 60.0, minutes=2.0).changes == {"minutes": 1.0, "cutmix": 1.0}
    assert advised({"cutmix": 1.0}, minutes=2.0).settings == Settings(epochs=2, minutes=2.0, cutmix=1.0)
    assert advised({"epochs": 40}, 35.0).changes == {"epochs": 3}
    assert advised({"rotation": 0.1}, 15.0, rotation=0.0).changes == {"epochs": 1, "rotation": 0.1}
    assert advised({"rotation": 0.1}, 15.0, rotation=0.1) is None  # fewer epochs alone are no remedy


@pytest.mark.parametrize(
    ("remedy", "budget_s", "settings", "words"),
    [
        (
            {"minutes": 4.0},
            120.0,
            {"minutes": 2.0},
            r"longer than the first training \(2 minutes\), and a budget of 120 s",
        ),
        ({"minutes": 4.0}, 60.0, {"minutes": 2.0}, "2 minutes"),
        ({"epochs": 4}, 29.0, {}, r"\(2 epochs\), and a budget of 29 s is too short"),
        ({"epochs": 4}, 11.0, {}, "2 epochs"),
    ],
)
def test_without_time_left_a_longer_training_is_refused(advised, remedy, budget_s, settings, words) -> None:
    with pytest.raises(OutOfTimeError, match=words):
        advised(remedy, budget_s, **settings)


def test_extensions_beyond_the_last_epoch_are_removed(advised) -> None:
    extended = {"epochs": 4, "extended_at": (1, 3)}
    assert advised({"epochs": 8}, **extended).settings == Settings(epochs=8)
    for budget_s, epochs in ((25.0, 2), (35.0, 3)):
        expected = Settings(epochs=epochs, extended_at=(1,), rotation=0.3)
        assert advised({"rotation": 0.3}, budget_s, **extended).settings == expected


def test_dropout_is_only_ever_raised(advised) -> None:
    assert advised({"dropout": 0.3}).changes == {"dropout": 0.3}
    network = zoo.flowers_cnn(3, input_size=16, dropout=0.4)
    assert advised({"dropout": 0.3}, network=network) is None
    assert advised({"dropout": 0.3, "shift": 0.1}, network=network).changes == {"shift": 0.1}


def test_another_network_is_trained_with_settings_of_its_own(advised) -> None:
    trial = advised({"network": "auto", "minutes": 5}, 200.0, learning_rate=0.1, seed=7)
    assert trial.changes == {"network": "auto", "minutes": 3.33}
    assert trial.settings == Settings(seed=7, epochs=0, minutes=3.33)


def test_without_a_budget_exactly_what_the_command_says_is_done(advised) -> None:
    assert advised({"epochs": 10}).settings == Settings(epochs=10)
    assert advised({"epochs": 10}).seconds == 100.0


LOW = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-6, "patience": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pictures`, with a colour for each class, and a `run` that has learned almost nothing."""
    place, random = tmp_path_factory.mktemp("poor"), np.random.default_rng(7)
    for index, label in enumerate(("blue", "green", "red")):
        (place / "pictures" / label).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(0, 120, (20, 24, 3)) + 100 * (np.arange(3) == index)
            Image.fromarray(pixels.astype(np.uint8)).save(place / "pictures" / label / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYEBRIGHT_CACHE", str(place / "cache"))
        eb.train(place / "pictures", place / "run", network="flowers_cnn", size=16, settings=eb.Settings(**LOW))
    return place


@pytest.fixture
def poor(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, on a copy of the images."""
    for name in ("pictures", "run"):
        shutil.copytree(trained / name, tmp_path / name)
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace(str(trained / "pictures"), str(tmp_path / "pictures")))
    return tmp_path / "run"


def judged(path: Path, kind: str = "overfitting", *, others: tuple[Verdict, ...] = (), **remedy: Any) -> None:
    """Let the log of a run end with another verdict."""
    EventLog(path / "events.jsonl")(VerdictReached(kind=kind, text="", advice="", remedy=remedy, others=others))


def last(path: Path, kind: type) -> Any:
    return [event for event in read_events(path / "events.jsonl") if isinstance(event, kind)][-1]


def test_a_learning_rate_that_was_too_low_is_raised_and_the_better_run_kept(poor):
    assert last(poor, VerdictReached).kind == "learning rate too low"
    healed = eb.heal(poor, budget_s=1000)
    assert healed is not None
    assert healed.kind == "learning rate too low"
    assert healed.path == healed.kept == poor / "healed"
    assert healed.difference.low > 0
    assert last(healed.path, Evaluated).side == "test"  # a run like any other
    before, after = (eb.load(path) for path in (poor, healed.path))
    assert (before.settings.learning_rate, after.settings.learning_rate) == (1e-6, 2e-3)
    assert (poor / "split.csv").read_bytes() == (healed.path / "split.csv").read_bytes()


def test_healing_is_shown_once_unless_it_is_not_verbose(poor, capsys):
    eb.heal(poor, verbose=False)
    assert capsys.readouterr().out == ""
    healed = eb.heal(poor, overwrite=True)
    lines = capsys.readouterr().out.splitlines()
    assert repr(healed).startswith(f"Healing in {healed.path}\n") and str(healed.kept) in healed._repr_html_()
    for words in ("Healing (", "Test accuracy", "Second training: accuracy", "Kept: "):
        assert sum(line.startswith(words) for line in lines) == 1


def test_both_models_are_evaluated_on_the_same_validation_images(poor, tmp_path):
    healed = eb.heal(poor)
    pictures = eb.Dataset.from_folder(tmp_path / "pictures")
    for share, path in ((healed.before, poor), (healed.after, healed.path)):
        evaluation = eb.load(path).evaluate(pictures.validation)
        assert share.value == pytest.approx(evaluation.accuracy)
        assert (share.low, share.high) == pytest.approx(evaluation.interval)
    assert healed.difference.value == pytest.approx(healed.after.value - healed.before.value)


def test_the_log_of_the_first_run_records_the_healing_and_it_stays_complete(poor):
    healed = eb.heal(poor)
    begun, found = last(poor, HealingBegun), last(poor, Healed)
    assert begun.changes == {"learning_rate": 2e-3}
    assert (found.before, found.after, found.difference, found.kept) == (
        healed.before,
        healed.after,
        healed.difference,
        str(healed.kept),
    )
    with pytest.raises(SettingsError, match="is complete"):
        resume(poor)


def test_a_model_that_is_not_significantly_better_is_not_kept(poor, tmp_path, monkeypatch):
    """The interval includes 0."""
    monkeypatch.setattr(heal, "paired_difference", lambda *_: Difference(value=0.1, low=0.0, high=0.2))
    judged(poor, epochs=3, learning_rate=2e-6)
    healed = eb.heal(poor, tmp_path / "second")
    assert (healed.path, healed.kept, last(poor, Healed).kept) == (tmp_path / "second", poor, str(poor))


def test_overfitting_gets_augmentation_and_dropout_in_the_network(poor):
    judged(poor, rotation=0.1, dropout=0.35)
    healed = eb.heal(poor)
    again = eb.load(healed.path)
    assert again.settings.rotation == 0.1
    assert [place.layer.p for place in again.network.places.values() if isinstance(place.layer, Dropout)] == [0.35]


def test_the_budget_limits_the_epochs_by_the_speed_of_the_first_run(poor):
    pace = np.mean([event.seconds for event in read_events(poor / "events.jsonl") if isinstance(event, EpochEnded)])
    judged(poor, epochs=50)
    healed = eb.heal(poor, budget_s=3.5 * pace)
    assert eb.load(healed.path).settings.epochs == 3
    assert last(poor, HealingBegun).seconds == pytest.approx(3 * pace, abs=0.06)


def test_a_budget_below_one_epoch_is_refused_before_anything_is_written(poor):
    with pytest.raises(SettingsError, match=r"at least one epoch, .* s; the budget is 1e-05 s"):
        eb.heal(poor, budget_s=1e-5)
    assert not (poor / "healed").exists()


@pytest.mark.parametrize("kind", ["sound", "leak suspected"])
def test_nothing_is_tried_if_settings_cannot_help(poor, kind):
    others = (Verdict(kind="overfitting", short="", text="", remedy={"epochs": 9}),) if kind != "sound" else ()
    judged(poor, kind, others=others)
    assert eb.heal(poor) is None
    assert not heal.advises(poor)


def test_the_first_verdict_that_settings_can_improve_counts(poor):
    judged(poor, "noisy labels", others=(Verdict(kind="overfitting", short="", text="", remedy={"epochs": 9}),))
    assert heal.advises(poor) == "overfitting"
    assert heal.remedy_of(read_events(poor / "events.jsonl")) == ("overfitting", {"epochs": 9})


def test_a_run_that_is_not_finished_is_refused(poor):
    log = EventLog(poor / "events.jsonl")
    log(Stopped(reason="interrupted", epoch=1, best_epoch=1))
    log(ModelSaved(path="", weights_sha256=""))
    with pytest.raises(SettingsError, match=r"is not finished: continue it first with eyebright train --resume"):
        eb.heal(poor)


def test_images_that_have_changed_are_refused(poor, tmp_path):
    Image.new("RGB", (20, 20), "navy").save(tmp_path / "pictures" / "blue" / "new.png")
    with pytest.raises(DataError, match="no longer those of"):
        eb.heal(poor)


class KillError(Exception):
    """Stands for a kill."""


def killed_after(epoch: int) -> Callable[[Event], None]:
    """Receives events, and kills the second training after an epoch."""

    def receive(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            raise KillError

    return receive


def weights_of(path: Path) -> dict[str, np.ndarray]:
    return load_file(path / "model" / "weights.safetensors")


@pytest.mark.parametrize("epoch", [1, 2])
def test_healing_that_was_killed_continues_and_is_compared(poor, tmp_path, epoch):
    whole = eb.heal(poor, tmp_path / "whole")
    with pytest.raises(KillError):
        eb.heal(poor, callbacks=[killed_after(epoch)])
    found: list[Event] = []
    healed = eb.heal(poor, callbacks=[found.append])
    one, two = weights_of(whole.path), weights_of(poor / "healed")
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert (healed.kind, healed.after, healed.difference) == (whole.kind, whole.after, whole.difference)
    assert healed.kept == poor / "healed" and last(poor, Healed).kept == str(healed.kept)
    assert any(isinstance(event, HealingBegun) for event in found)  # so that the display shows it
    begun = [event for event in read_events(poor / "events.jsonl") if isinstance(event, HealingBegun)]
    assert [Path(event.path).name for event in begun] == ["whole", "healed"]
    with pytest.raises(OutputError, match="already exists"):  # it has been compared
        eb.heal(poor)


def test_a_second_run_that_was_finished_by_itself_is_only_compared(poor, monkeypatch):
    with pytest.raises(KillError):
        eb.heal(poor, callbacks=[killed_after(1)])
    resume(poor / "healed")
    found: list[Event] = []
    monkeypatch.chdir(poor)  # the log has an absolute path
    healed = eb.heal(".", callbacks=[found.append])
    assert not any(isinstance(event, EpochEnded) for event in found)
    assert healed.after == last(poor, Healed).after


def test_the_healing_of_another_verdict_or_in_another_folder_is_not_continued(poor, tmp_path):
    with pytest.raises(KillError):
        eb.heal(poor, callbacks=[killed_after(1)])
    other = eb.heal(poor, tmp_path / "other")
    assert (other.path, other.kept) == (tmp_path / "other", tmp_path / "other")
    with pytest.raises(KillError):
        eb.heal(poor, callbacks=[killed_after(1)], overwrite=True)
    judged(poor, learning_rate=1e-3)
    with pytest.raises(OutputError, match="healed is a run that was stopped"):
        eb.heal(poor)


def test_a_run_that_started_from_a_model_is_healed_from_the_same(make_folder, tmp_path):
    old, run = tmp_path / "old", tmp_path / "run"
    eb.train(make_folder(), old, network=eb.zoo.mlp(3, input_size=8), settings=eb.Settings(epochs=2, batch_size=8))
    more = make_folder("more", count=26)  # ten of each class are new
    eb.train(more, run, start_from=old, settings=eb.Settings(**LOW | {"learning_rate": 1e-9}))
    judged(run, rotation=0.2, dropout=0.4)
    healed = eb.heal(run)
    assert last(run, HealingBegun).changes == {"rotation": 0.2, "dropout": 0.4}
    layers = [place.layer for place in eb.load(healed.path).network.places.values()]
    assert [layer.p for layer in layers if isinstance(layer, Dropout)] == [0.4]
    assert (run / "split.csv").read_bytes() == (healed.path / "split.csv").read_bytes()
    one, two = weights_of(old), weights_of(healed.path)
    assert all(np.allclose(one[name], two[name], atol=1e-5) for name in one)
    request, _ = Run(healed.path).read()
    assert (request.start_from, request.start_sha256) == (str(old), read_source(old).sha256)


def test_healing_repeats_the_corrections_of_the_run(poor, tmp_path):
    given = {"corrections": [{"name": "red/0.png", "decision": "relabel", "new_label": "green"}]}
    (tmp_path / "given.json").write_text(json.dumps(given))
    eb.train(
        tmp_path / "pictures", tmp_path / "corrected", network="flowers_cnn", size=16, settings=eb.Settings(**LOW),
        corrections=tmp_path / "given.json",
    )  # fmt: skip
    (tmp_path / "given.json").unlink()
    judged(tmp_path / "corrected", "learning rate too low", learning_rate=2e-3)
    healed = eb.heal(tmp_path / "corrected")
    first, second = tmp_path / "corrected", healed.path
    assert (first / "split.csv").read_bytes() == (second / "split.csv").read_bytes()
    assert Run(second).read()[0].corrections and (second / "corrections.json").exists()


def test_healing_holds_back_the_images_that_the_run_held_back(poor, tmp_path):
    eb.train(
        tmp_path / "pictures", tmp_path / "held", network="flowers_cnn", size=16, settings=eb.Settings(**LOW),
        promise="accuracy=0.3",
    )  # fmt: skip
    judged(tmp_path / "held", "learning rate too low", learning_rate=2e-3)
    healed = eb.heal(tmp_path / "held")
    assert (tmp_path / "held" / "split.csv").read_bytes() == (healed.path / "split.csv").read_bytes()
    assert b",held_back," in (healed.path / "split.csv").read_bytes()
    assert healed.after.of == 6  # half of the validation set


def test_minutes_that_are_too_short_leave_no_second_run(poor, monkeypatch):
    def too_few(run: Run, *_: Any, **__: Any) -> None:
        assert run.config.exists()
        raise SettingsError("0.5 minutes is too short: give 3")

    judged(poor, minutes=0.5)
    with monkeypatch.context() as patch:
        patch.setattr("eyebright.runs.train.finish", too_few)
        with pytest.raises(OutOfTimeError, match="is too short: give 3"):
            eb.heal(poor)
        assert not (poor / "healed").exists()
    judged(poor, rotation=0.3)
    assert eb.heal(poor) is not None  # nothing is in the way
    judged(poor, minutes=0.5)
    before = weights_of(poor / "healed")
    monkeypatch.setattr("eyebright.runs.train.finish", too_few)
    with pytest.raises(OutOfTimeError):
        eb.heal(poor, overwrite=True)
    after = weights_of(poor / "healed")  # the run that was to be replaced is there again
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_images_in_memory_are_given_again(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(90) % 2
    images = (random.integers(0, 100, (90, 14, 14)) + labels[:, None, None] * 120).astype(np.uint8)
    pictures = eb.Dataset.from_arrays(images, labels, ["dark", "bright"], seed=4)
    eb.train(pictures, tmp_path / "run", network="flowers_cnn", size=14, settings=eb.Settings(**LOW))
    judged(tmp_path / "run", learning_rate=1e-3)
    with pytest.raises(SettingsError, match="images in memory"):
        eb.heal(tmp_path / "run")
    assert eb.heal(tmp_path / "run", pictures=pictures).after.of == 14
