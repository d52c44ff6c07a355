"""Cut the shipped fonts from their full sources: `python templates/fonts/build.py FOLDER...`.

FOLDER is searched for each `source` that fonts.yaml names (README.md says where they come from). Writes the
subsets beside this file and their sha256 into fonts.yaml; the same sources give the same bytes.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent

# `locl` is left out on purpose: it pulls every other language's forms in and doubles a CJK file. Each
# language has a file of its own instead. `calt` of Inter turns "2x3" into "2×3", which nobody asked for.
FEATURES = ["kern", "liga", "ccmp", "mark", "mkmk", "case", "tnum", "palt", "halt"]
DROPPED_TABLES = ["vhea", "vmtx", "VORG", "BASE", "DSIG", "STAT", "meta"]

# Shop words and names outside Big5 level 1 (T-shirt, hem, quilting, everyday Cantonese).
SHOP_CHINESE = "恤衩襬絎羢緹靚嘢啲喺冇咗嚟哋揼孖佢嘅唔咁噉諗攞㗎囍喆堃犇淼焱燚峯裏綫衞鷄麪枱擡粧"


def span(first: int, last: int) -> str:
    return "".join(chr(code) for code in range(first, last + 1))


def decoded(codec: str, first: tuple[int, int], last: tuple[int, int]) -> Iterator[str]:
    """Every character of a double-byte codec whose code lies in `first` to `last`, both included."""
    for code in range(first[0] << 8 | first[1], (last[0] << 8 | last[1]) + 1):
        try:
            yield code.to_bytes(2, "big").decode(codec)
        except UnicodeDecodeError:
            continue


CHARACTERS = {
    "latin": span(0x20, 0x7E) + span(0xA0, 0x17F) + span(0x218, 0x21B) + span(0x1EA0, 0x1EF9) + "ƠơƯưẞ"
    # combining marks, typographic spaces and punctuation, superiors, currencies, arrows, mathematics
    + span(0x300, 0x304) + span(0x306, 0x30C) + span(0x323, 0x328) + span(0x2000, 0x200A) + "\u202f"
    + span(0x2010, 0x2027) + span(0x2030, 0x203A) + "⁄" + span(0x2070, 0x208E) + span(0x20A0, 0x20C0)
    + "№℠™←↑→↓↗−≈≠≤≥∞",
    "cjk": span(0x20, 0x7E) + span(0xA1, 0xBF) + "×÷—–‘’“”†‡•…‰′″※€℃℉№℡™" + span(0x2160, 0x216B)
    + "←↑→↓⇒⇔■□▲△▼▽◆◇○◎●★☆♀♂♠♡♢♣♤♥♦♧♪♭♯✓" + span(0x2460, 0x2473) + span(0x3000, 0x303F)
    + span(0x3220, 0x3243) + span(0x3280, 0x32B0) + span(0xFF01, 0xFF9F) + span(0xFFE0, 0xFFE6)
    + "㎎㎏㎜㎝㎞㎡㏄",
    "traditional-chinese": "".join(decoded("big5", (0xA1, 0x40), (0xA3, 0xBF)))
    + "".join(decoded("big5", (0xA4, 0x40), (0xC6, 0x7E))) + SHOP_CHINESE,
    "japanese": "".join(decoded("euc_jp", (0xA1, 0xA1), (0xA8, 0xFE)))
    + "".join(decoded("cp932", (0x87, 0x40), (0x87, 0x9C))) + span(0x3040, 0x30FF)
    + "".join(decoded("euc_jp", (0xB0, 0xA1), (0xCF, 0xFE))),
    "japanese-rare": "".join(decoded("euc_jp", (0xD0, 0xA1), (0xF4, 0xFE))),
}  # fmt: skip


def find(source: str, folders: list[Path]) -> Path:
    """The path of the file called `source` somewhere under `folders`."""
    for folder in folders:
        for path in sorted(folder.rglob(source)):
            return path
    raise SystemExit(f"{source} is in none of {', '.join(map(str, folders))}; README.md says where to get it")


def cut(source: Path, index: int, characters: str, target: Path) -> str:
    """Write the subset of `source` that holds `characters` to `target`; return its sha256."""
    font = TTFont(source, fontNumber=index, lazy=True, recalcTimestamp=False)
    options = subset.Options(
        layout_features=FEATURES,
        notdef_outline=True,
        name_IDs=["*"],
        hinting=False,
        drop_tables=DROPPED_TABLES,
    )
    cutter = subset.Subsetter(options)
    cutter.populate(text=characters)
    cutter.subset(font)
    font.save(target, reorderTables=True)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main(folders: list[Path]) -> None:
    listing = HERE / "fonts.yaml"
    text = listing.read_text(encoding="utf-8")
    for entry in yaml.safe_load(text)["fonts"]:
        characters = "".join(CHARACTERS[name] for name in entry["characters"])
        target = HERE / entry["file"]
        digest = cut(find(entry["source"], folders), entry.get("index", -1), characters, target)
        after_file = rf'(?<=    file: {re.escape(entry["file"])}\n)    sha256: "[^"]*"'
        text = re.sub(after_file, f'    sha256: "{digest}"', text)
        print(f"{target.name:28} {target.stat().st_size:>9,} bytes  {digest[:12]}")
    listing.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main([Path(argument) for argument in sys.argv[1:]])
