"""How a night ended, told to another system, whichever way it ended. Telling never changes how it ends."""

import os
import sys
from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import typer

from jobs.webhook import send
from pipeline.errors import JobError
from pipeline.order import Outcome

SECRET = "BANNERS_WEBHOOK_SECRET"
"""In the environment: a command line can be read by everybody on the machine."""
_CANNOT_RUN = 1


class Ending:
    """`with Ending(...) as ending:` round a night; whoever runs it says whose it is and sets `outcome`.

    It begins before anything is read: a campaign that cannot be loaded is no reason for silence, since
    silence means that no night was started. Raises `typer.BadParameter` for a `url` without a secret to sign
    with.
    """

    def __init__(self, url: str | None, file: Path) -> None:
        self._url, self._campaign, self._day = url, str(file), ""
        self._secret = os.environ.get(SECRET, "")
        self.outcome: Outcome | None = None
        if url is not None and not self._secret:
            raise typer.BadParameter(
                f"set {SECRET}, with which the message is signed", param_hint="--webhook"
            )

    def of(self, campaign: str, day: date) -> None:
        """Whose night it is, once that is known; until then the campaign's file stands for it."""
        self._campaign, self._day = campaign, day.isoformat()

    def __enter__(self) -> "Ending":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._url is None:
            return
        message = self.message(error)
        try:
            send(self._url, message, self._secret, delivery=f"{self._campaign}/{message['run'] or self._day}")
        except JobError as problem:
            print(f"note: {problem}", file=sys.stderr)

    def message(self, error: BaseException | None) -> dict[str, Any]:
        """What is told: whose night, how it ended, and what it came to if it got so far."""
        code = getattr(error, "exit_code", _CANNOT_RUN if error else 0)
        said: dict[str, Any] = {"campaign": self._campaign, "date": self._day, "exit_code": code}
        said["problem"] = "" if error is None or isinstance(error, typer.Exit) else str(error)
        found = self.outcome
        if found is None:
            return said | {"run": ""}
        return said | {
            "run": found.run.run,
            "made": found.made,
            "left": found.left,
            "photos": dict(Counter(str(row.status) for row in found.photos)),
            "refused": dict(Counter(row.reason for row in found.photos if row.reason)),
            "alarms": [asdict(alarm) for alarm in found.alarms],
            "banners": dict(Counter(str(row.status) for row in found.banners)),
            "live": found.published.live,
            "feed": found.published.url,
            "proof_sheet": found.sheet,
        }
