import pytest

from eyebright.runs.request import Request
from eyebright.system.errors import SettingsError
from eyebright.training.argument_hints import HINTS, refuse_foreign_arguments
from eyebright.training.settings import Settings


def test_no_habit_is_an_argument_here():
    known = {*Settings.__struct_fields__, *Request.__struct_fields__}
    assert not known & HINTS.keys()


def test_what_to_write_are_settings_that_exist():
    """Every `name=` in an answer is one of ours."""
    import re

    names = {name for text in HINTS.values() for name in re.findall(r"(\w+)=", text)}
    assert names <= {*Settings.__struct_fields__, *Request.__struct_fields__}


def test_a_habit_is_answered_wherever_settings_are_given():
    with pytest.raises(SettingsError, match="there is no argument 'class_weight': write class_weights='balanced'"):
        Settings().changed({"class_weight": {0: 1.0, 1: 2.0}})
    refuse_foreign_arguments(["epochs", "unknown"])
