"""The ledger: what it remembers, what it refuses to remember, and that two drivers do not hurt each other."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import ledger as ledger_module
from pipeline.errors import ObjectGone, Reason, StoreError
from pipeline.known import KnownPhotos
from pipeline.ledger import Ledger, cutout_ref, geometry_from_json, geometry_to_json
from pipeline.rowfile import from_parquet, to_parquet
from pipeline.store import DirStore
from pipeline.types import Box, CutoutRef, Geometry, Listed, PhotoRef, PhotoRow, Status

PHOTO = Listed("a.jpg", "etag-1", 100)
GEOMETRY = Geometry(40, 90, Box(1, 2, 39, 90), Box(10, 2, 30, 20), ("bottom", "left"), 2)

STORED = PhotoRow(
    key="a.jpg",
    etag="etag-1",
    size=100,
    content="c1",
    recipe="r1",
    status=Status.STORED,
    reason="",
    detail="",
    cutout_key="cutouts/x",
    thumbnail_key="thumbnails/x.jpg",
    confidence=0.875,
    geometry=geometry_to_json(GEOMETRY),
    seconds=1.5,
)
REFUSED = replace(STORED, status=Status.REJECTED, reason="damaged", detail="cut", cutout_key="", geometry="")


@pytest.fixture
def store(tmp_path: Path) -> DirStore:
    return DirStore(tmp_path)


def parts(store: DirStore) -> list[str]:
    return [listed.key for listed in store.list("ledger/")]


def test_an_empty_store_has_an_empty_ledger(store: DirStore) -> None:
    ledger = Ledger.load(store)
    assert (ledger.lookup(PHOTO, "r1"), ledger.contents([PHOTO])[0]) == (None, None)


@pytest.mark.parametrize("row", [STORED, REFUSED], ids=["stored", "rejected"])
def test_what_was_added_is_found_at_once_and_after_loading(store: DirStore, row: PhotoRow) -> None:
    ledger = Ledger.load(store)
    ledger.add([row])
    assert ledger.lookup(PHOTO, "r1") == row
    assert Ledger.load(store).lookup(PHOTO, "r1") == row
    assert Ledger.load(store).contents([PHOTO])[0] == "c1"


@pytest.mark.parametrize(
    "listed",
    [replace(PHOTO, key="b.jpg"), replace(PHOTO, etag="etag-2"), replace(PHOTO, size=101)],
    ids=["key", "etag", "size"],
)
def test_another_listing_is_another_photo(store: DirStore, listed: Listed) -> None:
    Ledger.load(store).add([STORED])
    assert Ledger.load(store).lookup(listed, "r1") is None


def test_another_recipe_keeps_the_content_but_not_the_outcome(store: DirStore) -> None:
    Ledger.load(store).add([STORED])
    ledger = Ledger.load(store)
    assert (ledger.lookup(PHOTO, "r2"), ledger.contents([PHOTO])[0]) == (None, "c1")


def test_the_same_bytes_under_another_key_share_the_outcome(store: DirStore) -> None:
    copy = replace(STORED, key="copy.jpg", etag="etag-9", recipe="r0")
    Ledger.load(store).add([STORED, copy])
    found = Ledger.load(store).lookup(Listed("copy.jpg", "etag-9", 100), "r1")
    assert found == replace(STORED, key="copy.jpg", etag="etag-9")


def test_a_refusal_before_the_content_was_known_is_remembered_by_its_listing(store: DirStore) -> None:
    row = replace(REFUSED, content="", reason="too_large")
    Ledger.load(store).add([row])
    ledger = Ledger.load(store)
    assert ledger.lookup(PHOTO, "r1") == row
    assert ledger.lookup(replace(PHOTO, etag="etag-2"), "r1") is None
    assert ledger.contents([PHOTO])[0] is None


def test_a_later_row_replaces_an_earlier_one(store: DirStore) -> None:
    Ledger.load(store).add([REFUSED])
    Ledger.load(store).add([STORED])
    assert Ledger.load(store).lookup(PHOTO, "r1") == STORED


@pytest.mark.parametrize(
    "row",
    [
        replace(REFUSED, status=Status.FAILED, reason="crashed"),
        replace(REFUSED, reason=Reason.SOURCE_GONE),
        replace(REFUSED, reason=Reason.ACCESS_DENIED),
    ],
    ids=["failed", "gone", "denied"],
)
def test_what_another_night_may_mend_is_not_remembered(store: DirStore, row: PhotoRow) -> None:
    ledger = Ledger.load(store)
    ledger.add([row])
    assert ledger.lookup(PHOTO, "r1") is None
    assert parts(store) == []


def test_nothing_to_add_writes_nothing(store: DirStore) -> None:
    Ledger.load(store).add([])
    assert parts(store) == []


def test_forgetting_is_by_reason_and_not_written_down(store: DirStore) -> None:
    ledger = Ledger.load(store)
    ledger.add([REFUSED, replace(STORED, key="b.jpg", content="c2")])
    assert ledger.forget_rejected({"no_subject"}) == 0
    assert ledger.forget_rejected({"no_subject", "damaged"}) == 1
    assert ledger.lookup(PHOTO, "r1") is None
    assert ledger.contents([PHOTO])[0] == "c1"
    assert Ledger.load(store).lookup(PHOTO, "r1") == REFUSED


def test_few_parts_stay_and_many_are_merged(store: DirStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_PARTS", 2)
    ledger = Ledger.load(store)
    rows = [replace(STORED, key=f"{n}.jpg", content=f"c{n}") for n in range(3)]
    ledger.add(rows[:1])
    ledger.add(rows[1:2])
    ledger.compact()
    before = parts(store)
    ledger.add(rows[2:])
    ledger.compact()
    merged = parts(store)
    assert (len(before), len(merged)) == (2, 1)
    loaded = Ledger.load(store)
    assert [loaded.lookup(Listed(row.key, row.etag, row.size), "r1") for row in rows] == rows


def test_merging_keeps_the_later_row(store: DirStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_PARTS", 1)
    ledger = Ledger.load(store)
    ledger.add([REFUSED])
    ledger.add([STORED])
    ledger.compact()
    ledger.compact()
    assert (len(parts(store)), Ledger.load(store).lookup(PHOTO, "r1")) == (1, STORED)


def test_photos_that_are_known_stay_so_while_the_parts_are_merged(
    store: DirStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_PARTS", 1)
    ledger = Ledger.load(store)
    ledger.add([REFUSED])
    ledger.add([replace(STORED, key="b.jpg", etag="etag-2"), STORED])
    known = KnownPhotos(ledger)
    known.keep(ledger.find([PHOTO], "r1"), [PHOTO])

    ledger.compact()

    assert list(known) == [STORED]


def test_merging_keeps_what_another_driver_writes_meanwhile(
    store: DirStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_PARTS", 1)
    ledger = Ledger.load(store)
    ledger.add([replace(REFUSED, detail="old")])
    ledger.add([REFUSED])
    real = ledger_module.fetch_parts

    def read_then_other_writes(*args: object) -> object:
        found = real(*args)  # type: ignore[arg-type]
        Ledger(store, []).add([STORED])
        return found

    monkeypatch.setattr(ledger_module, "fetch_parts", read_then_other_writes)
    ledger.compact()
    monkeypatch.undo()
    assert Ledger.load(store).lookup(PHOTO, "r1") == STORED


def test_loading_while_another_driver_merges_lists_again(store: DirStore) -> None:
    class Merging(DirStore):
        reads = 0

        def get(self, key: str, *, max_bytes: int | None = None) -> bytes:
            self.reads += 1
            if self.reads == 1:
                raise ObjectGone(key, "merged away")
            return super().get(key, max_bytes=max_bytes)

    Ledger.load(store).add([STORED])
    assert Ledger.load(Merging(store.root)).lookup(PHOTO, "r1") == STORED


@pytest.mark.parametrize(
    "data",
    [b"", b"rubbish", to_parquet(Listed, [PHOTO])],
    ids=["empty", "rubbish", "another table"],
)
def test_a_broken_part_is_named_with_what_to_do(store: DirStore, data: bytes) -> None:
    store.put_new("ledger/00000000000000000001-x.parquet", data)
    with pytest.raises(StoreError, match=r"00000000000000000001-x\.parquet: .* move this file away"):
        Ledger.load(store)


def test_a_row_of_an_unknown_status_is_told_with_its_part_and_what_to_do(store: DirStore) -> None:
    table = pq.read_table(pa.BufferReader(to_parquet(PhotoRow, [STORED])))
    at = table.schema.get_field_index("status")
    changed = table.set_column(at, table.schema.field(at), pa.array(["archived"]))
    pq.write_table(changed, store.root / "part.parquet")
    store.put_new("ledger/00000000000000000001-x.parquet", (store.root / "part.parquet").read_bytes())

    with pytest.raises(StoreError, match=r"1-x\.parquet: 'archived' is .* move this file away"):
        Ledger.load(store).lookup(PHOTO, "r1")


@pytest.mark.parametrize("geometry", [GEOMETRY, replace(GEOMETRY, head=None, cut=(), people=1)])
def test_geometry_survives_its_way_through_a_row(geometry: Geometry) -> None:
    assert geometry_from_json(geometry_to_json(geometry)) == geometry


def test_a_stored_row_gives_the_cut_outs_reference() -> None:
    photo = PhotoRef("a.jpg", "etag-1", 100, "c1")
    assert cutout_ref(STORED) == CutoutRef("cutouts/x", photo, GEOMETRY, 0.875)


def test_rows_keep_any_text(store: DirStore) -> None:
    row = replace(STORED, detail="tab\t, newline\n, NUL\0, 今日限定五折, 👩‍🦰, half \ud800")
    [found] = from_parquet(PhotoRow, to_parquet(PhotoRow, [row]))
    assert found.detail == "tab\t, newline\n, NUL\0, 今日限定五折, 👩‍🦰, half \\ud800"


def test_the_same_rows_are_the_same_bytes() -> None:
    assert to_parquet(PhotoRow, [STORED, REFUSED]) == to_parquet(PhotoRow, [STORED, REFUSED])


def test_planning_needs_neither_torch_nor_ray_nor_boto3() -> None:
    code = (
        "import sys, pipeline.ledger, pipeline.manifest, pipeline.fetch\n"
        "print(sorted({'torch', 'ray', 'boto3', 'botocore', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
