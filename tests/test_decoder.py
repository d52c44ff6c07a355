"""The process in which untrusted bytes are parsed: whatever becomes of it, the parent goes on."""

import gc
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import decode_process
from pipeline.decode import MAX_PHOTO_BYTES, decode
from pipeline.decode_process import Lost
from pipeline.decoder import Decoder, read_answer
from pipeline.errors import JobError, PhotoRejected, Reason, Transient


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One that works."""
    made = Decoder()
    yield made
    made.close()


@pytest.fixture
def hostage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    """One whose child does what the bytes say; see `bad_child`."""
    monkeypatch.setattr(decode_process, "CHILD", "bad_child")
    made = Decoder(cpu_seconds=0.5)
    yield made
    made.close()


def encoded(form: str, mode: str = "RGB", size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, form, **options)
    return file.getvalue()


def refusal(decoder: Decoder, data: bytes) -> PhotoRejected:
    with pytest.raises(PhotoRejected) as caught:
        decoder.decode(data)
    return caught.value


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


# The same as without a child


@pytest.mark.parametrize(
    "data",
    [
        encoded("JPEG"),
        encoded("JPEG", exif=turned()),
        encoded("JPEG", "CMYK"),
        encoded("JPEG", "L", progressive=True),
        encoded("PNG", "RGBA", (3, 5)),
        encoded("WEBP", size=(1, 1)),
        encoded("PNG", size=(3000, 2000), compress_level=1),
    ],
    ids=["JPEG", "turned", "inks", "grey", "clear", "tiny", "large"],
)
def test_the_child_gives_the_same_pixels(decoder: Decoder, data: bytes) -> None:
    pixels = decoder.decode(data)
    assert np.array_equal(pixels, decode(data))
    assert (pixels.dtype, pixels.flags.c_contiguous, pixels.flags.writeable) == (np.uint8, True, True)


def test_a_photo_keeps_its_pixels_while_others_are_decoded(decoder: Decoder) -> None:
    first = decoder.decode(encoded("PNG"))
    kept = first.copy()
    decoder.decode(encoded("PNG", "L"))
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", encoded("JPEG")[:2000], encoded("GIF")])
def test_the_child_refuses_for_the_same_reason(decoder: Decoder, data: bytes) -> None:
    with pytest.raises(PhotoRejected) as expected:
        decode(data)
    got = refusal(decoder, data)
    assert (got.reason, got.detail) == (expected.value.reason, expected.value.detail)


def test_too_many_bytes_are_refused_without_a_child() -> None:
    assert refusal(Decoder(), bytes(MAX_PHOTO_BYTES + 1)).reason is Reason.TOO_LARGE


def test_threads_get_each_their_own_photo(decoder: Decoder) -> None:
    photos = [encoded("PNG", size=(10 + n, 20)) for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        widths = [pixels.shape[1] for pixels in pool.map(decoder.decode, photos)]
    assert widths == [10 + n for n in range(12)]


# A child that fails


@pytest.mark.parametrize(
    ("data", "reason", "told"),
    [
        (b"die", Reason.KILLED_WORKER, "Segmentation fault"),
        (b"leave", Reason.KILLED_WORKER, "exit code 7"),
        (b"spin", Reason.TIMED_OUT, "processor time"),
        (b"eat", Reason.TOO_LARGE, "memory"),
        (b"lie nonsense", Reason.KILLED_WORKER, "senseless"),
    ],
    ids=["die", "leave", "spin", "eat", "lie"],
)
def test_a_photo_that_harms_its_decoder_is_refused_and_the_next_is_fine(
    hostage: Decoder, data: bytes, reason: Reason, told: str
) -> None:
    refused = refusal(hostage, data)
    assert (refused.reason, told in refused.detail) == (reason, True)
    assert hostage.decode(b"\x07").tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b"\xff\xfe\n",
        b'{"height": 5, "width": 5',
        b'{"height": 100000, "width": 100000}\n',
        b'{"height": -5, "width": -5}\n',
        b'{"height": 0, "width": 5}\n',
        b'{"height": 5.0, "width": 5}\n',
        b'{"height": "5", "width": 5}\n',
        b'{"height": 5}\n',
        b'{"reason": "bored", "detail": ""}\n',
        b'{"reason": "damaged", "detail": null}\n',
        b"[" * 16_384,
    ],
)
def test_an_answer_that_no_decoder_gives_counts_as_none(line: bytes) -> None:
    with pytest.raises(Lost):
        read_answer(line)


def test_a_decoder_that_waits_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process, "CHILD", "bad_child")
    waiting = Decoder(wall_seconds=1.0)
    refused = refusal(waiting, b"sleep")
    waiting.close()
    assert (refused.reason, refused.detail) == (Reason.TIMED_OUT, "it was not decoded within 1 s")


def test_a_photo_that_dies_of_what_others_left_is_tried_in_a_fresh_child(hostage: Decoder) -> None:
    hostage.decode(b"\x01")
    assert hostage.decode(b"die unless first").tolist() == [[[ord("t")] * 3]]


def test_what_the_child_prints_is_no_answer(hostage: Decoder) -> None:
    assert hostage.decode(b"print").shape == (1, 1, 3)


def test_the_answer_to_an_interrupted_photo_is_not_taken_for_the_next(hostage: Decoder) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    hostage.decode(b"\x01")
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        hostage.decode(b"slow")
    signal.signal(signal.SIGALRM, before)
    assert hostage.decode(b"\x07").tolist() == [[[7, 7, 7]]]


def test_the_child_has_none_of_our_credentials(hostage: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    assert "secret" not in refusal(hostage, b"tell").detail.lower()


def test_a_child_that_cannot_start_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process, "CHILD", "no_such_module")
    with pytest.raises(JobError, match="cannot be started: ModuleNotFoundError"):
        Decoder().decode(b"\x01")


def test_a_machine_too_busy_to_start_a_child_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process, "START_SECONDS", 0.0)
    with pytest.raises(Transient, match="did not start within 0 s"):
        Decoder().decode(b"\x01")


# Its life


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_a_closed_decoder_leaves_no_process_and_can_be_used_again(hostage: Decoder) -> None:
    pid = int(refusal(hostage, b"pid").detail)
    hostage.close()
    hostage.close()
    assert not alive(pid)
    assert hostage.decode(b"\x07").shape == (1, 1, 3)


def test_a_decoder_that_nobody_holds_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process, "CHILD", "bad_child")
    pid = int(refusal(Decoder(), b"pid").detail)
    gc.collect()  # the refusal's traceback holds it until then
    assert not alive(pid)


def test_the_child_does_not_outlive_a_killed_parent() -> None:
    parent = """
import os
from pipeline import decode_process
from pipeline.decode_process import Lost
from pipeline.decoder import Decoder, read_answer
from pipeline.errors import PhotoRejected
decode_process.CHILD = "bad_child"
try:
    Decoder().decode(b"pid")
except PhotoRejected as refused:
    print(refused.detail, flush=True)
    os.kill(os.getpid(), 9)
"""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, "-c", parent], env={"PYTHONPATH": paths}, stdout=subprocess.PIPE, check=False
    )
    until = time.monotonic() + 60
    while alive(int(run.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(int(run.stdout))
