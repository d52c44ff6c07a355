"""Tells another system how a night ended: one signed POST, tried again for some minutes.

The body is JSON. The header `Banners-Signature: t=<unix seconds>,v1=<hex>` signs it: v1 is HMAC-SHA256 with
the shared secret over `<t>.<body>`. Who receives it compares in constant time, and refuses a `t` that is some
minutes old, so that a message that was caught cannot be played again. The same night told twice has the same
`Banners-Delivery`.
"""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import JobError

WAITS = (2.0, 10.0, 30.0, 60.0)
"""Seconds before each further try: a receiver that is being restarted is back within two minutes."""
TIMEOUT = 10.0
_AGAIN = (408, 425, 429)
"""Answers below 500 that ask for another try; any other one will not change."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        # A signed message goes to whom it is for, not to wherever that one points.
        return None


def check_url(url: str) -> str:
    """`url` if a message can be sent there; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole address, such as https://example.com/banners")
    return url


def signature(body: bytes, secret: str, at: int) -> str:
    """The header's value for `body` sent at `at` (unix seconds)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def send(
    url: str,
    message: Mapping[str, Any],
    secret: str,
    *,
    delivery: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> None:
    """POST `message`, tried again after each of `WAITS`. `delivery` names what it is about. Raises `JobError`
    where nobody takes it.
    """
    body = json.dumps(message, ensure_ascii=False, sort_keys=True).encode()
    problem = ""
    for wait in (0.0, *WAITS):
        if wait:
            sleep(wait)
        again, problem = _post(url, body, signature(body, secret, int(clock())), delivery)
        if not problem:
            return
        if not again:
            break
    raise JobError(f"{url}: the message was not taken: {problem}")


def _post(url: str, body: bytes, signed: str, delivery: str) -> tuple[bool, str]:
    """Whether another try may help, and what went wrong; "" where nothing did."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "banners",
        "Banners-Signature": signed,
        "Banners-Delivery": delivery,
    }
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT):
            return False, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code >= 500 or error.code in _AGAIN, f"answer {error.code}"
    except OSError as error:
        return True, str(getattr(error, "reason", error))
