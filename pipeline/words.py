"""What a reason means, in words for people: the proof sheet and the command line say the same thing."""

from collections.abc import Mapping

from pipeline.errors import Fault, Reason

PHOTO_WORDS: Mapping[str, str] = {
    Reason.UNSUPPORTED_FORMAT: "Not a JPEG, PNG or WebP picture",
    Reason.DAMAGED: "The file is damaged or cut short",
    Reason.ANIMATED: "The file is animated; a still photo is needed",
    Reason.TOO_LARGE: "The file is too large",
    Reason.TOO_MANY_PIXELS: "The picture has too many pixels",
    Reason.TOO_SMALL: "The picture is too small",
    Reason.TOO_LARGE_FOR_GPU: "The picture does not fit into the GPU's memory",
    Reason.NO_SUBJECT: "Nobody in the picture",
    Reason.BAD_MATTE: "The person could not be cut out cleanly",
    Reason.SOURCE_GONE: "The photo is no longer in the bucket",
    Reason.ACCESS_DENIED: "The bucket refuses access to the photo",
    Reason.UNSAFE_KEY: "The file, or its name, is not safe to use",
    Reason.KILLED_WORKER: "Reading this photo crashed its worker twice",
    Reason.TIMED_OUT: "Reading this photo took too long",
    Reason.UNAVAILABLE: "The bucket did not answer; the next run tries again",
    Reason.CRASHED: "A mistake in this program; the detail says where",
}

BANNER_WORDS: Mapping[str, str] = {
    Fault.NO_PHOTO: "The product has no photo",
    Fault.PHOTO_REJECTED: "The product's photo was refused",
    Fault.PHOTO_WAITS: "The product's photo waits to be cut out another night",
    Fault.MISSING_GLYPH: "A character is missing from the fonts",
    Fault.MISSING_VALUE: "A value that the design needs is empty",
    Fault.BAD_VALUE: "A value is not of the kind that the design needs",
    Fault.TEXT_OVERFLOW: "The text does not fit",
    Fault.LOW_CONTRAST: "The text is hard to read on its background",
    Fault.TEXT_OVER_HEAD: "Text covers the head",
    Fault.HEAD_CLIPPED: "Part of the head is cut off",
    Fault.LOGO_CROWDED: "Something is too near the logo",
    Fault.FRINGE: "The person has a rim of the old background",
    Fault.OUT_OF_SAFE_AREA: "Something leaves the safe area",
    Fault.UPSCALED: "The person had to be enlarged too much",
    Fault.UNSURE_MATTE: "The cut-out looks unsure",
    Fault.TOO_HEAVY: "The file is over its weight limit",
    Fault.NEAR_DUPLICATE: "Another product of the segment has the same banner",
    Fault.KILLED_WORKER: "Making this banner crashed its worker twice",
    Fault.SOURCE_GONE: "The cut-out or photo is no longer there",
    Fault.TIMED_OUT: "Making this banner took too long",
    Fault.UNAVAILABLE: "The bucket did not answer; the next run tries again",
    Fault.CRASHED: "A mistake in this program; the detail says where",
}


def photo_words(reason: str) -> str:
    """A sentence for why a photo was refused; an unknown reason is said as it is."""
    return PHOTO_WORDS.get(reason, reason)


def banner_words(reason: str) -> str:
    """A sentence for why a banner was held or not made; an unknown reason is said as it is."""
    return BANNER_WORDS.get(reason) or PHOTO_WORDS.get(reason, reason)


def reasons_of(row_reason: str) -> tuple[str, ...]:
    """The single reasons in a manifest row's `reason` field, which joins several with commas."""
    return tuple(part.strip() for part in row_reason.split(",") if part.strip())
