from types import SimpleNamespace

import pytest

from eyebright.model.importing.assembly import Assembly
from eyebright.network import Input


@pytest.fixture
def image() -> SimpleNamespace:
    """An assembly that begins with an image of two channels, and that image as `value`."""
    assembly = Assembly()
    return SimpleNamespace(assembly=assembly, value=assembly.add(Input((2, 4, 4))))
