"""Cut the shipped fonts from their full sources: `python templates/fonts/build.py FOLDER [FILE...]`.

FOLDER is searched for each `source` that fonts.yaml names (README.md says where they come from). Writes the
subsets (only FILE..., if given) beside this file and their sha256 into fonts.yaml; the same sources give the
same bytes.
"""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import yaml
from characters import CHARACTERS, SEQUENCES
from cjk import prepare
from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent

# `calt` of Inter turns "2x3" into "2×3", which nobody asked for; Arabic cannot be written without it.
FEATURES = ["kern", "liga", "ccmp", "mark", "mkmk", "case", "tnum", "palt", "halt", "vert"]
CJK_FEATURES = [*FEATURES, "locl"]
ARABIC_FEATURES = [*FEATURES, "init", "medi", "fina", "isol", "rlig", "calt", "curs"]
# Vertical metrics: every glyph of these fonts is one em high where text runs down, and drawn so.
DROPPED_TABLES = ["vhea", "vmtx", "VORG", "BASE", "DSIG", "STAT", "meta"]


def find(source: str, folder: Path) -> Path:
    """The path of the file called `source` somewhere under `folder`."""
    for path in sorted(folder.rglob(source)):
        return path
    raise SystemExit(f"{source} is not in {folder}; README.md says where to get it")


def cut(source: Path, entry: dict[str, Any], target: Path) -> str:
    """Write the subset of `source` that `entry` of fonts.yaml describes to `target`; return its sha256."""
    font = TTFont(source, fontNumber=entry.get("index", -1), lazy=True, recalcTimestamp=False)
    options = subset.Options(
        layout_features=FEATURES,
        notdef_outline=True,
        name_IDs=["*"],
        hinting=False,
        drop_tables=DROPPED_TABLES,
        # The bitmaps of colour emoji lie in tables that fontTools cuts without knowing the feature behind.
        passthrough_tables=True,
    )
    cutter = subset.Subsetter(options)
    if "forms" in entry:
        options.layout_features = CJK_FEATURES
        letters = {language: _named(names) for language, names in entry["forms"].items()}
        cutter.populate(unicodes=prepare(font, source, letters))
    elif entry["characters"] == ["emoji"]:
        # Without closure: every pair of flag letters and every family would come along.
        options.layout_closure = False
        glyphs = [_ligature(font, sequence) for sequence in SEQUENCES]
        cutter.populate(text=CHARACTERS["emoji"] + "".join(SEQUENCES) + "\ufe0f", glyphs=glyphs)
    else:
        options.layout_features = ARABIC_FEATURES if "arabic" in entry["characters"] else FEATURES
        cutter.populate(text=_named(entry["characters"]))
    cutter.subset(font)
    font.save(target, reorderTables=True)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _named(names: list[str]) -> str:
    return "".join(CHARACTERS[name] for name in names)


def _ligature(font: TTFont, sequence: str) -> str:
    """The glyph that draws an emoji `sequence` as one picture."""
    cmap = font.getBestCmap()
    first, *others = [cmap[ord(letter)] for letter in sequence]
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            for ligature in getattr(table, "ligatures", {}).get(first, ()):
                if ligature.Component == others:
                    return str(ligature.LigGlyph)
    raise SystemExit(f"no glyph for the sequence {sequence}")


def main(folder: Path, wanted: list[str]) -> None:
    listing = HERE / "fonts.yaml"
    text = listing.read_text(encoding="utf-8")
    for entry in yaml.safe_load(text)["fonts"]:
        if wanted and entry["file"] not in wanted:
            continue
        target = HERE / entry["file"]
        digest = cut(find(entry["source"], folder), entry, target)
        after_file = rf'(?<=    file: {re.escape(entry["file"])}\n)    sha256: "[^"]*"'
        text = re.sub(after_file, f'    sha256: "{digest}"', text)
        print(f"{target.name:28} {target.stat().st_size:>9,} bytes  {digest[:12]}", flush=True)
    listing.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
