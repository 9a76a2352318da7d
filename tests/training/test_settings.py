import pytest

from eyebright.system.errors import SettingsError
from eyebright.training.settings import RANGES, Settings


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"unknown field `learnig_rate`.*did you mean 'learning_rate'"):
        Settings().changed({"learnig_rate": 1e-3})


def test_a_setting_of_the_wrong_type_is_refused():
    with pytest.raises(SettingsError, match=r"Expected `int`, got `str`.*epochs"):
        Settings().changed({"epochs": "many"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", -1), ("batch_size", 0), ("learning_rate", 0.0), ("rotation", 0.6), ("zoom", 1.0), ("patience", -1)],
)
def test_values_out_of_range_are_refused_with_the_range(name, value):
    with pytest.raises(SettingsError, match=rf"{name} must be from .* to .*, got"):
        Settings().changed({name: value})


def test_an_integer_is_accepted_for_a_share():
    assert Settings().changed({"rotation": 0}).rotation == 0


@pytest.mark.parametrize(("name", "value"), [("flip", True), ("rotation", 0.1), ("zoom", 0.1)])
def test_any_change_counts_as_augmented(name, value):
    nothing = Settings(flip=False, rotation=0.0, zoom=0.0)
    assert not nothing.augmented
    assert nothing.changed({name: value}).augmented


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"optimizer": "sgd"},
            r"weight_decay=0.3 is too large for optimizer='sgd'.* expected at most 0.1; try weight_decay=5e-4",
        ),
        (
            {"class_weights": "balanced", "sampling": "balanced"},
            "use only one of class_weights='balanced' and sampling='balanced'",
        ),
        ({"optimizer": "adam"}, r"Invalid enum value 'adam'.*did you mean 'adamw'"),
        ({"schedule": "one_cycle"}, r"did you mean 'one-cycle'"),
        ({"ema": 1.0}, "ema must be from 0 to 0.999999, got 1"),
        ({"stage_decay": 0.0}, "stage_decay must be from 0.01 to 1"),
    ],
)
def test_settings_that_cannot_be_or_contradict_each_other_are_refused(changes, words):
    with pytest.raises(SettingsError, match=words):
        Settings().changed(changes)


def test_every_number_has_a_range():
    """All but the seed, of which any will do."""
    numbers = {name for name in Settings.__struct_fields__ if type(getattr(Settings(), name)) in (int, float)}
    assert numbers - RANGES.keys() == {"seed"}


def test_settings_show_what_differs_from_the_defaults() -> None:
    assert repr(Settings(epochs=3)) == "Settings(epochs=3)"
