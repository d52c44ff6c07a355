"""A run as JSON lines, each whole in itself: whose night, which run, photo and step, and how it ended."""

import json
import os
from datetime import UTC, datetime
from typing import Any, TextIO

from pipeline.manifest import RunId
from pipeline.trace import Event, Load, Retry, Traced
from pipeline.types import BannerRow, PhotoRow


class JsonLines:
    """Writes a line to `out` for each photo, each banner, each thing tried again, and for the begin and end
    of a stage.
    """

    def __init__(self, run: RunId, out: TextIO) -> None:
        self._night = {
            "campaign": run.campaign,
            "date": run.date.isoformat(),
            "run": run.run,
            "pid": os.getpid(),
        }
        self._out, self._stage = out, ""

    def begin(self, stage: str, total: int) -> None:
        """A line."""
        self._stage = stage
        self._write(event="begin", total=total)

    def see(self, event: Event) -> None:
        """A line for a row, and one before it for each retry that led to it."""
        if isinstance(event, Retry):
            self._retry(event)
        elif not isinstance(event, Load):
            for retry in event.retries:
                self._retry(retry)
            self._row(event)

    def end(self) -> None:
        """A line."""
        self._write(event="end")

    def failed(self, problem: str) -> None:
        """A line for what ended the run before its time."""
        self._write(event="failed", problem=problem)

    def _row(self, traced: Traced[PhotoRow] | Traced[BannerRow]) -> None:
        row = traced.row
        names = _names(row.key) if isinstance(row, PhotoRow) else _names(row.photo_key, row.key)
        steps = {name: round(seconds, 4) for name, seconds in traced.seconds.items()}
        content = row.content if isinstance(row, PhotoRow) else row.photo_content
        said = {"status": str(row.status), "reason": row.reason, "seconds": round(row.seconds, 4)}
        said |= {"detail": row.detail} if row.detail else {}
        event = "photo" if isinstance(row, PhotoRow) else "banner"
        self._write(event=event, **names, content=content, step=traced.last, steps=steps, **said)

    def _retry(self, retry: Retry) -> None:
        names = _names(retry.photo, retry.banner)
        self._write(event="retry", **names, step=retry.step, reason=str(retry.why), detail=retry.detail)

    def _write(self, **said: Any) -> None:
        """One line, at once: whoever follows the file waits for no buffer."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        stage = {"stage": self._stage} if self._stage else {}
        line = json.dumps({"at": at, **self._night, **stage, **said}, ensure_ascii=False)
        print(line, file=self._out, flush=True)


def _names(photo: str, banner: str = "") -> dict[str, str]:
    return {name: key for name, key in (("photo", photo), ("banner", banner)) if key}
