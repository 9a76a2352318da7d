from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup


@pytest.fixture
def parsed() -> Callable[[str], BeautifulSoup]:
    """A page as a parser of HTML sees it."""
    return lambda page: BeautifulSoup(page, "html.parser")
