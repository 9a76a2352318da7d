from pathlib import Path

import pytest

from eyebright.model.export.browser import BrowserError, find_browser, opened_tab
from eyebright.system.errors import ModelError


@pytest.fixture
def address(tmp_path) -> str:
    (tmp_path / "page.html").write_text(
        "<title>A page</title><script>const later = Promise.resolve([1, 'two']);</script>"
    )
    return (tmp_path / "page.html").as_uri()


@pytest.mark.browser
def test_a_page_is_opened_and_asked(address):
    browser = find_browser()
    if browser is None:
        pytest.skip("needs Chromium")
    with opened_tab(browser, address) as tab:
        assert tab.evaluate("document.title") == "A page"
        assert tab.evaluate("later") == [1, "two"]
        assert tab.evaluate("'x'.repeat(3e5)") == "x" * 300_000  # more than a pipe holds
        assert tab.evaluate(f"'{'y' * 300_000}'.length") == 300_000
        with pytest.raises(ModelError, match="the page fails in Chromium: Error: no"):
            tab.evaluate("Promise.reject(new Error('no'))")


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "limit_s", "words"), [("exit 1", 300, "has ended"), ("exec sleep 600", 0.3, "no answer in 0 s")]
)
def test_a_browser_that_does_not_run_is_reported(address, tmp_path, text, limit_s, words):
    browser = program(tmp_path / "chromium", text)
    with pytest.raises(BrowserError, match=words), opened_tab(browser, address, limit_s=limit_s):
        pass


def test_without_chromium_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None
    program(tmp_path / "google-chrome", "exit")
    assert find_browser() == tmp_path / "google-chrome"
