import pytest

from eyebright.cli.settings_text import changed
from eyebright.errors import SettingsError
from eyebright.training.settings import Settings


def test_texts_become_values_of_the_settings_types():
    given = ["epochs=3", "learning-rate = 1e-3", "flip=false", "schedule=one-cycle", "frozen=conv1, layer1", "zoom=0"]
    found = changed(Settings(), given)
    assert found == Settings(
        epochs=3, learning_rate=1e-3, flip=False, schedule="one-cycle", frozen=("conv1", "layer1"), zoom=0.0
    )
    assert changed(found, ["frozen="]).frozen == ()


def test_the_last_one_counts_and_others_stay():
    found = changed(Settings(seed=7), ["ema=0.9", "ema=0.99"])
    assert (found.ema, found.seed) == (0.99, 7)


def test_contradictions_are_judged_when_all_is_set():
    with pytest.raises(SettingsError, match=r"weight_decay=0\.3 and optimizer='sgd' contradict"):
        changed(Settings(), ["optimizer=sgd"])
    assert changed(Settings(), ["optimizer=sgd", "weight_decay=0"]).optimizer == "sgd"
