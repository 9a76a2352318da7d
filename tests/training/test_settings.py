import pytest

from eyebright.errors import SettingsError
from eyebright.training.settings import Settings


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"unknown field `learnig_rate`.*did you mean 'learning_rate'"):
        Settings().changed({"learnig_rate": 1e-3})


def test_a_setting_of_the_wrong_type_is_refused():
    with pytest.raises(SettingsError, match=r"Expected `int`, got `str`.*epochs"):
        Settings().changed({"epochs": "many"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("rotation", 0.6), ("zoom", 1.0), ("patience", -1)],
)
def test_values_out_of_range_are_refused_with_the_range(name, value):
    with pytest.raises(SettingsError, match=rf"{name} must be from .* to .*, got"):
        Settings().changed({name: value})


def test_whole_numbers_do_for_shares():
    assert Settings().changed({"rotation": 0}).rotation == 0


@pytest.mark.parametrize(("name", "value"), [("flip", True), ("rotation", 0.1), ("zoom", 0.1)])
def test_any_change_counts_as_augmented(name, value):
    nothing = Settings(flip=False, rotation=0.0, zoom=0.0)
    assert not nothing.augmented
    assert nothing.changed({name: value}).augmented
