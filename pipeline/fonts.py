"""The fonts that a template may name: which files, in which order, and what each of them can draw.

`FontBook.load()` reads `templates/fonts/fonts.yaml`, and `fonts/fonts.yaml` of a campaign's own templates
where there is one. Every file is checked against its sha256 once, so that a recipe's font digest is always
the truth.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import yaml
from PIL import ImageFont
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import InvalidInput
from pipeline.snapshot import Snapshot, snapshot

LISTING = "fonts.yaml"
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "iw", "ur", "yi", "ps", "sd", "ckb", "dv", "ug"})


@dataclass(frozen=True, slots=True)
class Face:
    """One font file. `name` as in fonts.yaml, `weight` on the CSS scale, `sha256` of the file's bytes.

    `bitmap`: pixels per em of a font made of coloured pictures (emoji), 0 for outlines.
    """

    name: str
    weight: int
    path: Path
    sha256: str
    bitmap: int = 0


class _FontEntry(BaseModel):
    """One entry under `fonts:`; the fields from `licence` on are for build.py, not for drawing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)
    weight: int = Field(ge=1, le=1000)
    file: str = Field(min_length=1)
    sha256: str | None = None
    bitmap: int = Field(default=0, ge=0, le=1024)
    licence: str | None = None
    source: str | None = None
    index: int | None = None
    characters: list[str] | None = None
    forms: dict[str, list[str]] | None = None


class _Listing(BaseModel):
    """A whole fonts.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fonts: list[_FontEntry] = []
    families: dict[str, dict[str, list[str]]] = {}


class FontBook:
    """Families by name; a chain of faces for each (family, weight, locale).

    Build it with `load`. It is read-only, and loading the same files twice gives the same object.
    """

    def __init__(
        self, faces: tuple[Face, ...], families: Mapping[str, Mapping[str, tuple[str, ...]]]
    ) -> None:
        self._faces = faces
        self._families = families

    @classmethod
    def load(cls, folders: Iterable[Path] = ()) -> "FontBook":
        """The shipped fonts, plus those of each of `folders`, which hold templates as the packaged one does:
        its fonts lie in `fonts/`, listed in a fonts.yaml there.

        Raises InvalidInput that names the file and field if a listing is malformed, a font file is missing,
        unreadable or not the one that its sha256 names, or a family is defined twice.
        """
        own = dict.fromkeys(folder.resolve() / "fonts" for folder in folders)
        # Their files' times belong to it: a preview that watches is to see a font that was added or replaced.
        return _load(
            tuple((place, snapshot([place])) for place in own if place != _shipped() and place.is_dir())
        )

    @property
    def sha256(self) -> str:
        """sha256 (hex) of all font files and of how families choose among them."""
        faces = sorted((face.name, face.weight, face.sha256, face.bitmap) for face in self._faces)
        families = sorted((name, sorted(chains.items())) for name, chains in self._families.items())
        return hashlib.sha256(repr((faces, families)).encode()).hexdigest()

    @property
    def families(self) -> tuple[str, ...]:
        """The names that a template may use, sorted."""
        return tuple(sorted(self._families))

    def check(self, family: str, *, file: Path | str, field: str | None = None) -> None:
        """Raise InvalidInput, placed at `file` and `field`, unless `family` is known."""
        if family in self._families:
            return
        close = get_close_matches(family.lower(), self.families, n=1, cutoff=0.5)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise InvalidInput(
            f"there is no font family {family!r}",
            file=file,
            field=field,
            hint=f"{meant}known families: {', '.join(self.families)}",
        )

    def faces(self, family: str, weight: int, locale: str) -> tuple[Face, ...]:
        """The fallback chain, best first: of each font in it the face nearest to `weight`, heavier on a tie.

        `locale` in BCP 47 or POSIX spelling ("zh-Hant-TW", "zh_TW"). Raises InvalidInput for an unknown
        family.
        """
        self.check(family, file="template")
        chains = self._families[family]
        tag = language(locale)
        names = chains.get(tag) or chains.get(tag.split("-")[0]) or chains["default"]
        return tuple(self._nearest(name, weight) for name in names)

    def digest(self, family: str, weight: int, locale: str) -> str:
        """sha256 (hex) over the chain's file digests, in order: the fonts' part of a recipe."""
        joined = " ".join(face.sha256 for face in self.faces(family, weight, locale))
        return hashlib.sha256(joined.encode()).hexdigest()

    def _nearest(self, name: str, weight: int) -> Face:
        candidates = (face for face in self._faces if face.name == name)
        return min(candidates, key=lambda face: (abs(face.weight - weight), -face.weight))


def language(locale: str) -> str:
    """The language tag that chooses glyph forms: "zh-Hant", "zh-Hans", or the bare language ("ja", "en").

    Taiwan, Hong Kong and Macau write traditional Chinese unless the tag names another script.
    """
    parts = locale.replace("_", "-").split(".")[0].lower().split("-")
    if parts[0] != "zh":
        return parts[0]
    if "hans" in parts:
        return "zh-Hans"
    return "zh-Hant" if {"hant", "tw", "hk", "mo"} & set(parts) else "zh-Hans"


def rtl(tag: str) -> bool:
    """Whether the language `tag` is written from right to left."""
    return tag.split("-")[0] in _RIGHT_TO_LEFT


@lru_cache(maxsize=64)
def coverage(face: Face) -> frozenset[int]:
    """The code points that the font file of `face` has glyphs for."""
    # Imported here: planning needs digests only, and a run with nothing to do should not pay for fontTools.
    from fontTools.ttLib import TTFont

    with TTFont(face.path, lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=512)
def sized(face: Face, size: float) -> ImageFont.FreeTypeFont:
    """The font of `face` at `size` pixels per em, shaped by Raqm. Cached: loading one costs milliseconds."""
    return ImageFont.truetype(str(face.path), size, layout_engine=ImageFont.Layout.RAQM)


def _shipped() -> Path:
    return Path(str(files("templates"))).resolve() / "fonts"


@lru_cache(maxsize=8)
def _load(own: tuple[tuple[Path, Snapshot], ...]) -> FontBook:
    faces, families = _read(_shipped(), known=())
    for place, _ in own:
        own_faces, own_families = _read(place, known=faces)
        for name in sorted(own_families.keys() & families.keys()):
            raise InvalidInput(
                f"there is a family {name!r} already",
                file=place / LISTING,
                field=f"families.{name}",
                hint="choose another name",
            )
        faces, families = faces + own_faces, families | own_families
    return FontBook(faces, families)


def _read(
    folder: Path, known: tuple[Face, ...]
) -> tuple[tuple[Face, ...], dict[str, dict[str, tuple[str, ...]]]]:
    """Faces and families of one folder; families may also name faces in `known`."""
    listing_file = folder / LISTING
    listing = _parse(listing_file)
    faces = tuple(
        _face(folder, entry, listing_file, f"fonts[{place}]") for place, entry in enumerate(listing.fonts)
    )
    names = {face.name for face in (*known, *faces)}
    for family, chains in listing.families.items():
        _check_family(family, chains, names, listing_file)
    families = {
        family: {locale: tuple(chain) for locale, chain in chains.items()}
        for family, chains in listing.families.items()
    }
    return faces, families


def _parse(listing_file: Path) -> _Listing:
    try:
        return _Listing.model_validate(yaml.safe_load(listing_file.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        raise InvalidInput(
            "there is no such file", file=listing_file, hint="a fonts folder lists its fonts in fonts.yaml"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "this is not YAML"
        raise InvalidInput(problem, file=listing_file, line=line) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or None
        raise InvalidInput(first["msg"], file=listing_file, field=field) from None


def _face(folder: Path, entry: _FontEntry, listing_file: Path, field: str) -> Face:
    path = folder / entry.file
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        face = Face(entry.name, entry.weight, path, digest, entry.bitmap)
        sized(face, entry.bitmap or 16)
    except OSError as error:
        raise InvalidInput(
            f"the font file {entry.file} cannot be read ({error.strerror or error})",
            file=listing_file,
            field=f"{field}.file",
            hint="TrueType and OpenType files (.ttf, .otf) can be used, WOFF cannot; a font of bitmaps "
            "says its size as bitmap: 109",
        ) from None
    if entry.sha256 is not None and entry.sha256 != digest:
        raise InvalidInput(
            f"{entry.file} is not the file that was listed: its sha256 is {digest}",
            file=listing_file,
            field=f"{field}.sha256",
            hint="restore the file, or list its new sha256",
        )
    return face


def _check_family(family: str, chains: Mapping[str, list[str]], names: set[str], listing_file: Path) -> None:
    if not chains.get("default"):
        raise InvalidInput(
            "a family needs a chain for every other language",
            file=listing_file,
            field=f"families.{family}.default",
            hint="list at least one font",
        )
    for locale, chain in chains.items():
        for name in chain:
            if name not in names:
                raise InvalidInput(
                    f"no font is called {name!r}",
                    file=listing_file,
                    field=f"families.{family}.{locale}",
                    hint=f"known fonts: {', '.join(sorted(names))}",
                )
