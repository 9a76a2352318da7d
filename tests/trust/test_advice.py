import msgspec
import pytest

from eyebright.trust.advice import command, less_overfitting, longer, train_again
from eyebright.trust.evidence import TrainingRecord

EPOCHS = TrainingRecord(images=5000, epochs=3, step_size=32, peak=2e-3, augmentation={"flip": 0, "cutmix": 0.0})
BUDGET = msgspec.structs.replace(EPOCHS, epochs=15, minutes=2.0)
HEAD = msgspec.structs.replace(EPOCHS, epochs=0)


def test_a_long_command_breaks_before_its_last_option() -> None:
    assert command("train PICTURES -o NEW") == "\n  eyebright train PICTURES -o NEW"
    assert command(f"train --config {'c' * 50} --augment flip") == (
        f"\n  eyebright train --config {'c' * 50} \\\n    --augment flip"
    )


@pytest.mark.parametrize("training", [EPOCHS, BUDGET, msgspec.structs.replace(BUDGET, start_from_same_images=True)])
def test_the_command_repeats_the_settings_of_the_run(training) -> None:
    """Without the settings of the run, `train` would choose a network itself."""
    assert train_again(training, "--learning-rate 1") == command(
        "train --config RUN/config.toml -o NEW --learning-rate 1"
    )


@pytest.mark.parametrize(
    ("training", "arguments"),
    [
        (EPOCHS, "--config RUN/config.toml -o NEW --exclude a"),
        (msgspec.structs.replace(EPOCHS, start_from_same_images=True), "PICTURES -o NEW --epochs 3 --exclude a"),
        (msgspec.structs.replace(BUDGET, start_from_same_images=True), "PICTURES -o NEW --minutes 2 --exclude a"),
        (HEAD, "PICTURES -o NEW --exclude a"),
    ],
)
def test_from_scratch_no_weights_are_used_that_were_trained_on_the_same_images(training, arguments) -> None:
    assert train_again(training, "--exclude a", from_scratch=True) == command(f"train {arguments}")


def test_longer_is_twice_the_time_or_some_minutes_after_a_head_alone() -> None:
    assert longer(EPOCHS) == ("--epochs 6", {"epochs": 6})
    assert longer(BUDGET) == ("--minutes 4", {"minutes": 4.0})
    assert longer(HEAD) == ("--minutes 5", {"minutes": 5})


def test_overfitting_gets_augmentation_then_cutmix_and_more_time_then_a_pretrained_network() -> None:
    def advised(dropout: float, **augmentation: float) -> tuple[str, dict[str, object]]:
        text, settings = less_overfitting(msgspec.structs.replace(EPOCHS, augmentation=augmentation, dropout=dropout))
        return text.replace(" \\\n    ", " "), settings

    text, settings = advised(0.0, flip=0)
    assert settings == {"rotation": 0.1, "zoom": 0.1, "shift": 0.1, "dropout": 0.2}
    assert "RUN/config.toml -o NEW --augment rotation=0.1,zoom=0.1,shift=0.1" in text
    text, settings = advised(0.2, flip=True, rotation=0.05, cutmix=0.0)
    assert settings == {"cutmix": 1.0, "epochs": 6, "dropout": 0.4}
    assert "--epochs 6 --augment flip,rotation=0.05,cutmix=1" in text
    text, settings = advised(0.8, rotation=0.05, cutmix=1.0)
    assert settings == {} and "train PICTURES -o NEW --minutes 5" in text


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.2), (0.05, 0.2), (0.2, 0.4), (0.3, 0.5), (0.5, 0.5), (0.7, 0.7)])
def test_dropout_is_doubled_up_to_a_half_and_never_lowered(before, after) -> None:
    assert less_overfitting(msgspec.structs.replace(EPOCHS, dropout=before))[1]["dropout"] == after


def test_an_overfitting_head_alone_is_followed_by_training_the_whole_network() -> None:
    text, settings = less_overfitting(msgspec.structs.replace(HEAD, augmentation={"flip": True}))
    assert settings == {"minutes": 5} and text == command("train PICTURES -o NEW --minutes 5")
