"""Objects in an S3 bucket, read and written so that a lost or wrong answer costs a retry and nothing else."""

import base64
import hashlib
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from typing import Any, NoReturn

from pipeline.errors import AccessDenied, ObjectGone, ObjectTooLarge, StoreError, Transient
from pipeline.keys import check_key
from pipeline.types import Listed

_ATTEMPTS = 8
"""S3 answers 503 while it scales a prefix. boto3 does not count to eight by itself: its client pays for each
further try from a quota, to which an answer of 404 or 412, half of ours, gives nothing back. A worker that
had seen some dozens of troubled requests had no second tries left."""
_HOPELESS = 4
"""Calls in a row that failed for good, after which each has one try, until one is answered: a bucket that is
gone must not be waited for by every photo anew. (With boto3 that is the quota's work.)"""
_FIRST_WAITS = {"busy": 1.0, "broken": 0.05}
"""Longest seconds before the second try, doubled for each further one, as boto3 has them: of a server that
asks for fewer requests, and of one that fails or hangs up."""
_LONGEST_WAIT = 20.0
_CONFLICT_TRIES = 5
_CONNECT_SECONDS = 10
_READ_SECONDS = 20
"""From one packet to the next: a body of any length may take its time."""
_LAST_TRY_SECONDS = 40
"""So long after a call began none of its tries begins: one that is answered has had most of them by then, and
eight on a server that hangs would take minutes."""
LONGEST_CALL = _LAST_TRY_SECONDS + 8 * _CONNECT_SECONDS + _READ_SECONDS
"""Seconds until a call that nobody answers is given up: its last try goes to each of S3's eight addresses."""
_OWN_HASH = "banners-sha256"
_FREE_HASH = "sha256"
"""Whoever uploads may write what they like here: capitals, base64, the hash before the file was resized."""
_MD5 = re.compile(r"[0-9a-f]{32}")
_GONE = {"NoSuchKey", "NoSuchVersion", "404"}
_OF_THE_ACCOUNT = {
    "AccountProblem",
    "AuthorizationHeaderMalformed",
    "CredentialsNotSupported",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "InvalidRegion",
    "InvalidSecurity",
    "InvalidToken",
    "MissingSecurityHeader",
    "NoSuchBucket",
    "NotSignedUp",
    "PermanentRedirect",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnauthorizedAccess",
}
"""Refusals of whoever asks, whatever is asked for: what else is refused is that one object. Its uploader has
a say in it (a key of their own, an archive), and S3 names no end of reasons.
"""
_THROTTLED = re.compile("Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded")
"""Codes that tell of too many requests, with status 400 where another service (KMS) turned S3 away."""
_PASSING = {
    "SlowDown",
    "RequestTimeout",
    "InternalError",
    "ServiceUnavailable",
    "BadDigest",
    "OperationAborted",
}


class S3Store:
    """Objects in an S3 bucket under `prefix`. Endpoint and credentials come from boto3's own settings.

    Every object written carries its sha256 as metadata under a name of ours, and `read` insists on it: not
    every S3 server keeps checksums, and a wrong byte in a cut-out would be in every banner made of it. What
    others say of their objects is a reason to read again, and no more.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        stripped = prefix.strip("/")
        if stripped:
            check_key(stripped)
        self.bucket = bucket
        self.prefix = f"{stripped}/" if stripped else ""
        self._made: tuple[int, Any] | None = None
        self._lock = threading.Lock()

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Every object whose key begins with `prefix`, page by page, without consoles' folder markers."""
        with self._errors(self.url(prefix)):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                for item in page.get("Contents", ()):
                    key = item["Key"][len(self.prefix) :]
                    if item["Size"] or not (key == "" or key.endswith("/")):
                        yield Listed(key, item["ETag"].strip('"'), item["Size"])

    def read(self, key: str, *, max_bytes: int | None = None) -> tuple[Listed, bytes]:
        """The object's bytes, and how a listing shows exactly these bytes."""
        answer, data = self._fetch(key, max_bytes)
        if not _is_intact(answer, data):
            answer, again = self._fetch(key, max_bytes)
            # An etag that looks like an MD5 may be none, and metadata wrong: what comes twice alike is right.
            if data != again and not _is_intact(answer, again):
                raise Transient(f"{self.url(key)}: other bytes arrive than etag or metadata tell of")
            data = again
        return Listed(key, answer["ETag"].strip('"'), len(data)), data

    def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """The object's bytes."""
        return self.read(key, max_bytes=max_bytes)[1]

    def _fetch(self, key: str, max_bytes: int | None) -> tuple[Any, bytes]:
        check_key(key)
        with self._errors(self.url(key), key):
            answer = self._client().get_object(Bucket=self.bucket, Key=self.prefix + key)
            size = int(answer.get("ContentLength", 0))
            # Not `with answer["Body"]`: that hands out urllib3's stream, whose errors are not botocore's, and
            # a connection that breaks within a body would look like a mistake of ours.
            with closing(answer["Body"]) as body:
                if max_bytes is not None and size > max_bytes:
                    raise ObjectTooLarge(key, f"{size:,} bytes, more than {max_bytes:,}")
                # One byte more: a server that sends too much is as wrong as one that stops early.
                data: bytes = body.read(size + 1)
        if len(data) != size:
            raise Transient(f"{self.url(key)}: {len(data):,} of {size:,} bytes arrived")
        digest = answer["Metadata"].get(_OWN_HASH)
        if digest and digest != hashlib.sha256(data).hexdigest():
            raise Transient(f"{self.url(key)}: the bytes that arrived are not the ones that were stored")
        return answer, data

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        check_key(key)
        try:
            with self._errors(self.url(key), key):
                self._client().head_object(Bucket=self.bucket, Key=self.prefix + key)
        except ObjectGone:
            return False
        return True

    def put_new(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> bool:
        """Store `data` unless the key exists; True if this call stored it.

        A try whose answer was lost is repeated and then finds its own object: that counts as "was there".
        """
        for _ in range(_CONFLICT_TRIES):
            answer = self._put(key, data, content_type, IfNoneMatch="*")
            if answer != 409:
                return answer != 412
        raise Transient(f"{self.url(key)}: others keep writing this key")

    def replace(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data`, whether or not the key exists."""
        self._put(key, data, content_type)

    def replace_if(
        self, key: str, data: bytes, etag: str, content_type: str = "application/octet-stream"
    ) -> bool:
        """Store `data` if the object's etag is `etag`; False if it is another, or there is none.

        A try whose answer was lost is repeated and then finds its own object: that counts as moved by others,
        and whoever looks finds what they wrote.
        """
        for _ in range(_CONFLICT_TRIES):
            answer = self._put(key, data, content_type, IfMatch=etag)
            # Ceph's gateway answers 500 where two writers meet, as often as they do.
            if answer not in (409, 500):
                return answer == 200
        raise Transient(f"{self.url(key)}: others keep writing this key, or the server fails")

    def delete(self, key: str) -> None:
        """Remove the object; a key that does not exist is no error."""
        check_key(key)
        with self._errors(self.url(key)):
            self._client().delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def url(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def _put(self, key: str, data: bytes, content_type: str, **condition: str) -> int:
        """The status: 200, or 404, 409, 412 if the condition did not hold; with `IfMatch` 500 too."""
        from botocore.exceptions import ClientError

        check_key(key)
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        with self._errors(self.url(key)):
            try:
                self._client().put_object(
                    Bucket=self.bucket,
                    Key=self.prefix + key,
                    Body=data,
                    ContentType=content_type,
                    ContentMD5=digest,
                    Metadata={_OWN_HASH: hashlib.sha256(data).hexdigest()},
                    **condition,
                )
            except ClientError as error:
                status = _status(error.response)
                told = condition and (status in (409, 412) or _code(error.response) == "NoSuchKey")
                if told or ("IfMatch" in condition and status == 500):
                    return status
                raise
        return 200

    def _client(self) -> Any:
        # A client may be shared by threads but not by processes: a fork would share its sockets.
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = (os.getpid(), _new_client())
            return self._made[1]

    @contextmanager
    def _errors(self, url: str, key: str | None = None) -> Iterator[None]:
        """Turn every error of boto3 into one of ours. With `key`, a refusal concerns that object alone."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            yield
        except ClientError as error:
            _raise_for_answer(error, url, key)
        except BotoCoreError as error:
            _raise_for_client(error, url)
        except ResponseParserError as error:
            raise Transient(f"{url}: the answer is no S3 answer: {error}") from error

    def __reduce__(self) -> tuple[type["S3Store"], tuple[str, str]]:
        # The client stays behind: the other process makes its own.
        return type(self), (self.bucket, self.prefix)


def _new_client() -> Any:
    # Imported here: boto3 takes 0.3 s, and a run on directories needs none of it.
    import boto3
    import botocore.session
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},  # see `_Tries`
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=32,
        # `when_supported` sends trailers that servers before 2025 refuse with 411; see also the sha256 above.
        request_checksum_calculation="when_required",
    )
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    try:
        client = boto3.session.Session(botocore_session=core).client("s3", config=config)
    except ValueError as error:
        raise StoreError(f"the S3 settings are wrong: {error}") from error
    tries = _Tries()
    client.meta.events.register("before-call.s3", tries.begin)
    client.meta.events.register_first("needs-retry.s3", tries.next)
    return client


@cache
def _loader(data_path: str | None) -> Any:
    """Of what boto3 knows of S3: reading it anew takes 60 ms, and every store of a night has a client."""
    import botocore.loaders

    return botocore.loaders.create_loader(data_path)


class _Tries:
    """How often a client's calls are tried. Its methods are boto3's to call."""

    def __init__(self) -> None:
        self._failed = 0

    def begin(self, params: Any, **_: Any) -> None:
        """Before a call."""
        params["context"]["begun"] = time.monotonic()

    def next(
        self, request_dict: Any, response: Any, attempts: int, caught_exception: Any, **_: Any
    ) -> float | None:
        """After each try: seconds to wait before another one, None where there is to be none.

        Raises `Transient` if the call has taken too long.
        """
        code, status = (_code(response[1]), _status(response[1])) if response else ("", 0)
        # Who meets another writer (409) may have to do something else, which only the caller knows.
        if not (_passes(code, status) and status != 409 if response else _is_of_the_way(caught_exception)):
            self._failed = 0
            return None
        if attempts >= _ATTEMPTS or self._failed >= _HOPELESS:
            self._failed += 1
            return None
        lasted = time.monotonic() - request_dict["context"]["begun"]
        wait = _wait(attempts, busy=_is_busy(code, status))
        if lasted + wait > _LAST_TRY_SECONDS:
            self._failed += 1
            told = caught_exception or code
            raise Transient(f"{request_dict['url']}: failing for {lasted:.0f} s now: {told}")
        return wait


def _wait(attempts: int, *, busy: bool) -> float:
    longest: float = _FIRST_WAITS["busy" if busy else "broken"] * 2 ** (attempts - 1)
    return random.random() * min(longest, _LONGEST_WAIT)


def _is_busy(code: str, status: int) -> bool:
    return code == "SlowDown" or status in (429, 503) or _THROTTLED.search(code) is not None


def _parse_time(value: Any) -> datetime:
    """As botocore does it, which spends two thirds of a listing on when each object was written."""
    from botocore.utils import parse_timestamp

    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        told: datetime = parse_timestamp(value)
        return told


def _is_intact(answer: Any, data: bytes) -> bool:
    """Whether `data` fits any hash that the answer tells of it; True where it tells of none."""
    told, md5 = answer["Metadata"].get(_FREE_HASH), _told_md5(answer)
    if told and told == hashlib.sha256(data).hexdigest():
        return True
    return md5 == hashlib.md5(data, usedforsecurity=False).hexdigest() if md5 else not told


def _told_md5(answer: Any) -> str:
    """The MD5 that the answer's etag is, "" where it is none: after an upload in several parts (it has a dash
    then), or of an object that is encrypted with a key other than the bucket's own.
    """
    etag = str(answer["ETag"]).strip('"')
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    return etag if _MD5.fullmatch(etag) and not encrypted else ""


def _status(answer: Any) -> int:
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(answer: Any) -> str:
    return str(answer.get("Error", {}).get("Code", ""))


def _raise_for_answer(error: Any, url: str, key: str | None) -> NoReturn:
    details = error.response.get("Error", {})
    code, message = _code(error.response), str(details.get("Message", ""))
    status = _status(error.response)
    if key is not None and code in _GONE:
        raise ObjectGone(key, "there is no such object in the bucket") from error
    if _passes(code, status):
        raise Transient(f"{url}: {code} {message}") from error
    if key is not None and 400 <= status < 500 and code not in _OF_THE_ACCOUNT:
        raise AccessDenied(key, f"the bucket refuses it: {code} {message}") from error
    if code == "NoSuchBucket":
        raise StoreError(f"{url}: there is no such bucket") from error
    raise StoreError(
        f"{url}: {code} {message}; check the bucket's name, its policy and the credentials"
    ) from error


def _passes(code: str, status: int) -> bool:
    """Whether the same request may be answered in a moment."""
    if code in _PASSING or _THROTTLED.search(code):
        return True
    return status in (408, 429) or (status >= 500 and status not in (501, 507))


def _raise_for_client(error: Any, url: str) -> NoReturn:
    raise (Transient if _is_of_the_way(error) else StoreError)(f"{url}: {error}") from error


def _is_of_the_way(error: Any) -> bool:
    """Whether what was lost is a connection, or part of what came over it."""
    from botocore import exceptions

    return isinstance(
        error,
        (
            exceptions.HTTPClientError,
            exceptions.ConnectionError,
            exceptions.IncompleteReadError,
            exceptions.FlexibleChecksumError,
        ),
    )
