import importlib
from importlib import resources

import pytest

from eyebright.model.export import NAMES
from eyebright.model.export.formats import Format, named_format, runtime
from eyebright.system.errors import MissingExtraError


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_complete(name):
    found = named_format(name)
    assert isinstance(found, Format) and found.name == name
    templates = resources.files("eyebright.model.export") / "templates"
    for suffix in (".py.txt", ".md"):
        assert (templates / f"{name.replace('-', '_')}{suffix}").is_file()
    assert found.precision("") == found.precisions[0]
    assert found.tolerance == 1e-4 or found.reason
    assert importlib.import_module(f"eyebright.model.export.{name.replace('-', '_')}").__doc__


def test_a_missing_runtime_is_reported():
    with pytest.raises(MissingExtraError, match="pip install no-such-runtime"):
        runtime("no-such-runtime")
