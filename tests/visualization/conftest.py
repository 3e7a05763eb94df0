"""A headless Chromium for the tests of the page.

They skip, with the reason, where there is no browser or no driver; under a continuous-integration
service (CI=true) that is a failure.
"""

import os
import shutil

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def _lacking(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by playwright, whose event loop runs until the module ends."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        _lacking(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        _lacking(f"no driver for the browser: {error}; pip install -e '.[test]'")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Opens a file in a window of a size and a theme; at the end nothing may have gone wrong:
    no error in the console, no request beyond the file."""
    contexts, troubles = [], []

    def open_page(path, width=1280, theme="light", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=theme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("file:", "data:"))
                else troubles.append(f"request: {request.url}")
            ),
        )
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles
