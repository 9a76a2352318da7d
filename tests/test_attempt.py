from collections.abc import Callable
from typing import Any

import pytest

from eyebright import zoo
from eyebright.attempt import Attempt, OutOfTimeError, attempt
from eyebright.network.layers import Dropout
from eyebright.run_folder import RunConfig
from eyebright.training.events import AnyEvent, EpochEnded, Judged
from eyebright.training.settings import Settings

NETWORK = zoo.mlp(3, input_size=8)


def epoch(number: int, seconds: float = 10.0) -> EpochEnded:
    return EpochEnded(
        epoch=number, epochs=2, train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5,
        learning_rate=1e-3, best=True, seconds=seconds, cpu_seconds=seconds, pictures_per_second=8,
    )  # fmt: skip


@pytest.fixture
def advised() -> Callable[..., Attempt | None]:
    """What is to be tried after a run of two epochs, ten seconds each, where the remedy is advised."""

    def make(
        remedy: dict[str, Any], budget_s: float | None = None, *, comparing_s: float = 0.0, network: Any = NETWORK,
        weights: str = "", start_from: str = "", **settings: Any,
    ) -> Attempt | None:  # fmt: skip
        training = Settings(**{"epochs": 2} | settings)
        config = RunConfig(pictures="p", size=8, weights=weights, start_from=start_from, training=training)
        events: list[AnyEvent] = [epoch(1), epoch(2)] if training.epochs and not training.minutes else []
        events.append(Judged(kind="overfitting", text="", advice="", remedy=remedy))
        return attempt(config, network, events, budget_s, comparing_s=comparing_s)

    return make


@pytest.mark.parametrize(("budget_s", "minutes"), [(None, 5.0), (60.0, 1.0), (1000.0, 5.0), (100.0, 1.66)])
def test_after_a_head_alone_the_minutes_that_are_advised_are_tried_as_far_as_the_budget_goes(
    advised, budget_s, minutes
) -> None:
    trial = advised({"minutes": 5}, budget_s, epochs=0)
    assert trial.settings == Settings(epochs=0, minutes=minutes)
    assert (trial.changes, trial.seconds) == ({"minutes": minutes}, pytest.approx(60 * minutes, abs=0.06))


def test_a_budget_is_also_for_comparing_and_one_that_is_too_small_is_refused(advised) -> None:
    assert advised({"minutes": 5}, 60.0, epochs=0, comparing_s=30.0).settings.minutes == 0.5
    for budget_s, comparing_s in ((60.0, 50.0), (17.0, 0.0), (0.0, 0.0)):
        with pytest.raises(OutOfTimeError, match=rf"in {budget_s} s .* takes {18 + comparing_s} s at least"):
            advised({"minutes": 5}, budget_s, epochs=0, comparing_s=comparing_s)


def test_what_is_announced_is_what_is_changed_and_nothing_else(advised) -> None:
    assert advised({"learning_rate": 0.1}).changes == {"learning_rate": 0.1}
    assert advised({"rotation": 0.1, "zoom": 0.3}, rotation=0.1).changes == {"zoom": 0.3}
    assert advised({"minutes": 4.0}, minutes=2.0).changes == {"minutes": 4.0}
    assert advised({"minutes": 4.0, "cutmix": 1.0}, 60.0, minutes=2.0).changes == {"minutes": 1.0, "cutmix": 1.0}
    assert advised({"cutmix": 1.0}, minutes=2.0).settings == Settings(epochs=2, minutes=2.0, cutmix=1.0)
    assert advised({"epochs": 40}, 35.0).changes == {"epochs": 3}
    assert advised({"rotation": 0.1}, 15.0, rotation=0.0).changes == {"epochs": 1, "rotation": 0.1}
    assert advised({"rotation": 0.1}, 15.0, rotation=0.1) is None  # for less of the same is no remedy


@pytest.mark.parametrize(
    ("remedy", "budget_s", "settings", "words"),
    [
        (
            {"minutes": 4.0},
            120.0,
            {"minutes": 2.0},
            r"longer than the first training, which had 2 minutes, .* of 120 s",
        ),
        ({"minutes": 4.0}, 60.0, {"minutes": 2.0}, "2 minutes"),
        ({"epochs": 4}, 29.0, {}, "which had 2 epochs, and a budget of 29 s does not allow it"),
        ({"epochs": 4}, 11.0, {}, "2 epochs"),
    ],
)
def test_where_only_time_is_advised_and_none_is_left_nothing_is_trained(
    advised, remedy, budget_s, settings, words
) -> None:
    with pytest.raises(OutOfTimeError, match=words):
        advised(remedy, budget_s, **settings)


def test_epochs_that_are_advised_or_cut_take_no_leg_beyond_them(advised) -> None:
    extended = {"epochs": 4, "extended_at": (1, 3)}
    assert advised({"epochs": 8}, **extended).settings == Settings(epochs=8)
    assert advised({"rotation": 0.3}, 25.0, **extended).settings == Settings(epochs=2, extended_at=(1,), rotation=0.3)


@pytest.mark.parametrize("start", [{"weights": "published"}, {"start_from": "/old"}])
def test_a_network_that_weights_belong_to_gets_no_dropout(advised, start) -> None:
    assert advised({"dropout": 0.3}, **start) is None
    trial = advised({"dropout": 0.3, "shift": 0.1}, **start)
    assert (trial.network, trial.changes) == (NETWORK, {"shift": 0.1})


def test_dropout_is_announced_where_the_network_drops_less(advised) -> None:
    trial = advised({"dropout": 0.3})
    assert trial.changes == {"dropout": 0.3}
    assert [place.layer.p for place in trial.network.places.values() if isinstance(place.layer, Dropout)] == [0.3]
    network = zoo.flowers_cnn(3, input_size=16, dropout=0.4)
    assert advised({"dropout": 0.3}, network=network) is None
