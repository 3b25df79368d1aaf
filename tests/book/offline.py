"""Pages opened without a network, and what goes wrong in them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

_DISK = ("file:", "data:", "blob:")


def wake_sliders(page: Page) -> None:
    """Scroll to every slider of a page, for none is made before it is near."""
    for place in page.locator(".ww-slider").all():
        figure = page.locator(f"#{place.get_attribute('data-figure')}")
        figure.scroll_into_view_if_needed()
        figure.locator(".ww-slider-alive svg").first.wait_for()


def open_offline(chromium: Browser, **settings: Any) -> tuple[Page, list[str]]:
    """Open a page, and list its errors, its dialogs and what it asks of a network."""
    page = chromium.new_context(offline=True, **settings).new_page()
    faults: list[str] = []

    def note(what: object) -> None:
        faults.append(f"{page.url}: {what}")

    page.on("console", lambda said: note(said.text) if said.type == "error" else None)
    page.on("pageerror", note)
    page.on("dialog", lambda dialog: (note(dialog.message), dialog.dismiss()))
    page.on("request", lambda asked: None if asked.url.startswith(_DISK) else note(asked.url))
    return page, faults
