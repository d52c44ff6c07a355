"""Pages in a real browser: headless Chromium, driven through its debugging pipe."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]

PATIENCE = 60.0
"""Seconds: a loaded machine is slow, and only a broken page waits so long."""

NO_STORAGE = """
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("refused", "SecurityError"); },
});
"""
"""What a page finds where a browser keeps nothing, as Safari for files and private windows of others."""


FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
"""Observers of what is near the screen are heard after the next frame."""


@dataclass
class Watched:
    """A page with everything it complained about or asked for."""

    page: Any
    complaints: list[str]
    requests: list[str]

    def shown(self) -> int:
        """How many banners are in the page and visible, once it has filled what came near the screen."""
        self.page.evaluate(FRAMES)
        return int(self.page.locator(".tile:visible").count())

    def told(self) -> str:
        """How many banners the page says that it shows."""
        return str(self.page.locator("#shown").inner_text())

    def until(self, condition: str) -> None:
        """Wait for `condition`, in JavaScript. Playwright's own wait needs `eval`, which the page forbids."""
        deadline = time.monotonic() + PATIENCE
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, f"still not so after {PATIENCE} s: {condition}"
            self.page.wait_for_timeout(50)

    def focused(self) -> str:
        """The accessible name of what has the focus."""
        return str(
            self.page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
            )
        )

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


class OpenSheet:
    """Opens pages, each in a context of its own unless told `beside` which other page's to use."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []

    def __call__(
        self,
        place: Path | str,
        *,
        width: int = 1280,
        scheme: str = "light",
        storage: bool = True,
        beside: Watched | None = None,
    ) -> Watched:
        context = beside.page.context if beside else self._context(width, scheme, storage)
        watched = Watched(context.new_page(), [], [])
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", lambda request: watched.requests.append(request.url[:5]))
        watched.page.goto(place.as_uri() if isinstance(place, Path) else place)
        return watched

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _context(self, width: int, scheme: str, storage: bool) -> Any:
        context = self._browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        if not storage:
            context.add_init_script(NO_STORAGE)
        self._contexts.append(context)
        return context
