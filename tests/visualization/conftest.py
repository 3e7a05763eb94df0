"""A headless Chromium for the tests of the page, one for a module.

The tests are skipped, with the reason, if there is no browser or no driver. In continuous
integration (CI=true) this is a failure.
"""

import os
import shutil

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def _skip(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by playwright."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        _skip(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        _skip(f"no driver for the browser: {error}; pip install -e '.[test]'")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def window(browser):
    """One window for all tests of a module, and the list of its errors and network requests."""
    page, troubles = browser.new_context().new_page(), []
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("request", lambda request: _note_request(request.url, troubles))
    return page, troubles


def _note_request(url: str, troubles: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        troubles.append(f"request: {url}")


@pytest.fixture
def open_page(window):
    """Opens a file in the window. At the end there may be no error and no network request."""
    page, troubles = window
    troubles.clear()

    def open_page(path, width=1280, theme="light"):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.goto(path.as_uri())
        return page

    yield open_page
    assert not troubles
