import msgspec
import pytest

from eyebright.trust.advice import FINE_TUNE, another_network, command, less_overfitting, longer, train_again
from eyebright.trust.evidence import TrainingRecord

EPOCHS = TrainingRecord(images=5000, epochs=15, step_size=32, peak=2e-3, augmentation={"flip": 0, "cutmix": 0.0})
BUDGET = msgspec.structs.replace(EPOCHS, minutes=2.0)
HEAD = msgspec.structs.replace(EPOCHS, epochs=0)
TUNED = msgspec.structs.replace(BUDGET, start_from_same_images=True)


def test_a_long_command_breaks_before_its_last_option() -> None:
    assert command("train PICTURES -o NEW") == "\n  eyebright train PICTURES -o NEW"
    assert command(f"train --config {'c' * 50} --augment flip") == (
        f"\n  eyebright train --config {'c' * 50} \\\n    --augment flip"
    )


@pytest.mark.parametrize("training", [EPOCHS, BUDGET, HEAD, TUNED])
def test_the_command_repeats_the_settings_of_the_run(training) -> None:
    """Without the settings of the run, `train` would choose a network itself."""
    assert train_again(training, {"learning_rate": 0.002}) == command(
        "train --config RUN/config.toml -o NEW --learning-rate 0.002"
    )


@pytest.mark.parametrize(
    ("training", "arguments"),
    [
        (EPOCHS, "--config RUN/config.toml -o NEW --exclude a"),
        (msgspec.structs.replace(EPOCHS, start_from_same_images=True), "PICTURES -o NEW --epochs 15 --exclude a"),
        (TUNED, "PICTURES -o NEW --minutes 2 --exclude a"),
        (HEAD, "PICTURES -o NEW --exclude a"),
    ],
)
def test_from_scratch_no_weights_are_used_that_were_trained_on_the_same_images(training, arguments) -> None:
    assert train_again(training, {"exclude": "a"}, from_scratch=True) == command(f"train {arguments}")


def test_another_network_keeps_the_images_and_the_split_but_no_settings() -> None:
    assert train_again(EPOCHS, FINE_TUNE).replace(" \\\n   ", "") == (
        "\n  eyebright train PICTURES -o NEW --split RUN/split.csv --network auto --minutes 5"
    )
    assert another_network(EPOCHS) == another_network(BUDGET) == FINE_TUNE
    assert another_network(TUNED) == {"minutes": 4.0}  # it was one
    assert another_network(HEAD) == {"minutes": 5}


def test_longer_is_twice_the_time_or_an_ordinary_training_after_a_try() -> None:
    assert longer(EPOCHS) == {"epochs": 30}
    assert longer(msgspec.structs.replace(EPOCHS, epochs=2)) == {"epochs": 10}
    assert longer(BUDGET) == {"minutes": 4.0}
    assert longer(HEAD) == {"minutes": 5}


def test_overfitting_gets_augmentation_then_cutmix_and_more_time_then_a_pretrained_network() -> None:
    def advised(dropout: float, **augmentation: float) -> tuple[dict[str, object], str]:
        training = msgspec.structs.replace(EPOCHS, augmentation=augmentation, dropout=dropout)
        remedy = less_overfitting(training)
        return remedy, train_again(training, remedy).replace(" \\\n    ", " ")

    every = dict.fromkeys(("rotation", "zoom", "shift", "cutmix"), 0.0)
    remedy, typed = advised(0.0, flip=0, **every)
    assert remedy == {"rotation": 0.1, "zoom": 0.1, "shift": 0.1, "dropout": 0.2}
    assert typed.endswith("RUN/config.toml -o NEW --dropout 0.2 --augment rotation=0.1,zoom=0.1,shift=0.1")
    remedy, typed = advised(0.2, flip=True, **every | {"rotation": 0.05})
    assert remedy == {"cutmix": 1.0, "epochs": 30, "dropout": 0.4}
    assert typed.endswith("-o NEW --epochs 30 --dropout 0.4 --augment flip,rotation=0.05,cutmix=1")
    assert advised(0.8, rotation=0.05, cutmix=1.0)[0] == FINE_TUNE


def test_a_pretrained_network_that_overfits_with_cutmix_needs_more_images() -> None:
    assert less_overfitting(msgspec.structs.replace(TUNED, augmentation={"cutmix": 1.0})) == {}


@pytest.mark.parametrize(
    ("before", "after"), [(0.0, 0.2), (0.05, 0.2), (0.2, 0.4), (0.3, 0.5), (0.5, None), (0.7, None)]
)
def test_dropout_is_doubled_up_to_a_half_and_never_lowered(before, after) -> None:
    assert less_overfitting(msgspec.structs.replace(EPOCHS, dropout=before)).get("dropout") == after


def test_an_overfitting_head_alone_is_followed_by_training_the_whole_network() -> None:
    assert less_overfitting(msgspec.structs.replace(HEAD, augmentation={"flip": True})) == {"minutes": 5}


@pytest.mark.parametrize(
    ("remedy", "from_scratch"), [({"learning_rate": 0.002}, False), (FINE_TUNE, False), ({"exclude": "a"}, True)]
)
def test_a_command_asks_for_the_promise_of_the_run_unless_its_configuration_does(remedy, from_scratch) -> None:
    promising = msgspec.structs.replace(TUNED, promise="accuracy=0.95")
    words = train_again(promising, remedy, from_scratch=from_scratch).split()
    assert ("RUN/config.toml" in words) != ("accuracy=0.95" in words)
    if "accuracy=0.95" in words:
        assert words[words.index("accuracy=0.95") - 1] == "--promise"
