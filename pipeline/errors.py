"""Everything that can go wrong, as one tree.

BannersError
├── PhotoRejected      permanent, one photo: it goes to quarantine with its reason, the run goes on
├── BannerFailed       permanent, one banner: its manifest row carries the reason, the run goes on
├── ObjectError        permanent, one stored object; `reason` says what a photo is refused with
│   ├── ObjectGone         there is nothing under this key
│   ├── AccessDenied       this object may not be read
│   ├── ObjectTooLarge     more bytes than the reader accepts
│   └── UnsafeKey          a key that could name a place outside the store, or cannot be written down
├── Transient          worth another try: network, throttling
├── WorkerLost         whoever handed the work out has to hand it out again
└── JobError           nothing sensible can be made: one clear message, then stop
    ├── InvalidInput   a file that a user wrote is wrong: names file, line and field
    └── StoreError     a bucket or folder cannot be read or written at all

`Reason` and `Fault` are closed lists, so that reports can count them.
"""

from enum import StrEnum
from pathlib import Path
from typing import ClassVar


class Reason(StrEnum):
    """Why a photo was refused."""

    UNSUPPORTED_FORMAT = "unsupported_format"
    DAMAGED = "damaged"
    ANIMATED = "animated"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_LARGE_FOR_GPU = "too_large_for_gpu"
    NO_SUBJECT = "no_subject"
    BAD_MATTE = "bad_matte"
    SOURCE_GONE = "source_gone"
    ACCESS_DENIED = "access_denied"
    UNSAFE_KEY = "unsafe_key"
    KILLED_WORKER = "killed_worker"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    CRASHED = "crashed"


class Fault(StrEnum):
    """Why a planned banner was not made, or was held back by a gate."""

    NO_PHOTO = "no_photo"
    PHOTO_REJECTED = "photo_rejected"
    PHOTO_WAITS = "photo_waits"
    MISSING_GLYPH = "missing_glyph"
    MISSING_VALUE = "missing_value"
    BAD_VALUE = "bad_value"
    TEXT_OVERFLOW = "text_overflow"
    LOW_CONTRAST = "low_contrast"
    TEXT_OVER_HEAD = "text_over_head"
    HEAD_CLIPPED = "head_clipped"
    LOGO_CROWDED = "logo_crowded"
    FRINGE = "fringe"
    OUT_OF_SAFE_AREA = "out_of_safe_area"
    UPSCALED = "upscaled"
    UNSURE_MATTE = "unsure_matte"
    TOO_HEAVY = "too_heavy"
    NEAR_DUPLICATE = "near_duplicate"
    KILLED_WORKER = "killed_worker"
    SOURCE_GONE = "source_gone"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"
    CRASHED = "crashed"


class BannersError(Exception):
    """Root of every error that this project raises on purpose."""


class PhotoRejected(BannersError):
    """One photo can never be used as it is."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["PhotoRejected"], tuple[Reason, str]]:
        # Ray pickles errors between processes; the default rebuilds from the message alone and fails.
        return (type(self), (self.reason, self.detail))


class BannerFailed(BannersError):
    """One banner cannot be made, whatever is tried."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail

    def __reduce__(self) -> tuple[type["BannerFailed"], tuple[Fault, str]]:
        return (type(self), (self.fault, self.detail))


class ObjectError(BannersError):
    """One stored object cannot be used. `key` as listed, `detail` one sentence without the key."""

    reason: ClassVar[Reason]

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(f"{key}: {detail}")
        self.key = key
        self.detail = detail

    def __reduce__(self) -> tuple[type["ObjectError"], tuple[str, str]]:
        return (type(self), (self.key, self.detail))


class ObjectGone(ObjectError):
    """There is nothing under this key (any more)."""

    reason = Reason.SOURCE_GONE


class AccessDenied(ObjectError):
    """This one object may not be read; others may."""

    reason = Reason.ACCESS_DENIED


class ObjectTooLarge(ObjectError):
    """The object has more bytes than the reader accepts."""

    reason = Reason.TOO_LARGE


class UnsafeKey(ObjectError):
    """The key breaks the grammar of `pipeline.keys`, or leads out of the store through a link."""

    reason = Reason.UNSAFE_KEY


class Transient(BannersError):
    """Failed now, may work in a moment."""


class WorkerLost(BannersError):
    """A process that this work needed has died or does not answer. `blameless`: before it got the work."""

    def __init__(self, problem: str, *, blameless: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.blameless = blameless

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_worker_lost, (self.problem, self.blameless))


class JobError(BannersError):
    """The run cannot go on."""


class StoreError(JobError):
    """A store cannot be read or written at all: wrong credentials, no such bucket, full disk."""


class InvalidInput(JobError):
    """A campaign, catalogue, segment or template file is wrong.

    `file` as the user named it, `line` 1-based where known, `field` a dotted path such as
    `segments[2].rule`, `problem` one sentence, `hint` what to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.field, self.hint = problem, str(file), line, field, hint
        place = f"{file}:{line}" if line is not None else f"{file}"
        named = f" {field}:" if field else ""
        told = f" ({hint})" if hint else ""
        super().__init__(f"{place}:{named} {problem}{told}")

    def __reduce__(self) -> str | tuple[object, ...]:
        return (
            _rebuild_invalid_input,
            (self.problem, self.file, self.line, self.field, self.hint),
        )


def _rebuild_worker_lost(problem: str, blameless: bool) -> WorkerLost:
    return WorkerLost(problem, blameless=blameless)


def _rebuild_invalid_input(
    problem: str, file: str, line: int | None, field: str | None, hint: str | None
) -> InvalidInput:
    return InvalidInput(problem, file=file, line=line, field=field, hint=hint)
