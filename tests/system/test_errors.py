import inspect
import re

import pytest

from eyebright.system import errors

FAMILY = {name: error for name, error in vars(errors).items() if inspect.isclass(error)}


def test_the_family_is_as_drawn():
    head, *children = re.findall(r"\w+Error\b", errors.__doc__.split("\n\n")[1])
    assert head == "EyebrightError"
    assert set(children) == FAMILY.keys() - {head}
    assert all(FAMILY[name].__bases__[0] is errors.EyebrightError for name in children)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [(name, ValueError) for name in ("SettingsError", "NetworkError", "PictureError", "DataError", "ModelError")]
    + [("MissingExtraError", ImportError)],
)
def test_callers_who_know_only_python_can_catch_them(name, builtin):
    assert issubclass(FAMILY[name], builtin)


@pytest.mark.parametrize("name", sorted(FAMILY))
def test_every_error_says_when_it_is_raised_and_keeps_its_message(name):
    assert FAMILY[name].__doc__ and str(FAMILY[name]("what, and how to mend it")) == "what, and how to mend it"
