"""One file for four languages: the glyph forms of each that differ, chosen by OpenType's `locl` feature.

The full Noto CJK fonts hold every form of every character. Here a language gets its own forms of its own
characters only, which is a third of the size; a character of another language is drawn as that one writes it.
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.otTables import SingleSubst

# Face of the collection and OpenType language tag, by the language tags of pipeline.fonts.
FACES = {"zh-Hant": (3, "ZHT "), "ja": (0, "JAN "), "zh-Hans": (2, "ZHS "), "ko": (1, "KOR ")}


def prepare(font: TTFont, source: Path, characters: Mapping[str, str]) -> set[int]:
    """Make `font` (a face of `source`) hold each language's forms of its `characters`; their code points.

    The first language that has a character gives its usual form, the others theirs through `locl`.
    """
    glyphs = {
        language: TTFont(source, fontNumber=FACES[language][0], lazy=True).getBestCmap()
        for language in characters
    }
    usual: dict[int, str] = {}
    for language, letters in characters.items():
        for code in map(ord, letters):
            if code in glyphs[language]:
                usual.setdefault(code, glyphs[language][code])
    for table in font["cmap"].tables:
        if table.isUnicode() and table.format in (4, 12):
            table.cmap.update({c: g for c, g in usual.items() if table.format == 12 or c <= 0xFFFF})
    forms = {
        FACES[language][1]: {
            usual[code]: glyphs[language][code]
            for code in map(ord, letters)
            if code in glyphs[language] and glyphs[language][code] != usual[code]
        }
        for language, letters in characters.items()
    }
    _choose(font, {tag: mapping for tag, mapping in forms.items() if mapping})
    return set(usual)


def _choose(font: TTFont, forms: Mapping[str, Mapping[str, str]]) -> None:
    """Let `locl` do nothing but `forms` (usual glyph to own glyph, by language tag).

    The lookups keep their places in the list, ahead of `vert`, which has to see the language's own glyph.
    """
    table = font["GSUB"].table
    # What is not yet read would, when read, undo what is set here.
    table.ensureDecompiled(recurse=True)
    scripts = {record.ScriptTag: record.Script for record in table.ScriptList.ScriptRecord}
    # A comma alone has no script, hence no language: without this it is the first language's everywhere.
    scripts["DFLT"].LangSysRecord = deepcopy(scripts["hani"].LangSysRecord)
    scripts["DFLT"].LangSysCount = len(scripts["DFLT"].LangSysRecord)
    for script in scripts.values():
        usual = [("", script.DefaultLangSys)] if script.DefaultLangSys else []
        for tag, system in [
            *usual,
            *((record.LangSysTag, record.LangSys) for record in script.LangSysRecord),
        ]:
            for index in list(system.FeatureIndex):
                feature = table.FeatureList.FeatureRecord[index]
                if feature.FeatureTag != "locl":
                    continue
                if tag not in forms:
                    system.FeatureIndex.remove(index)
                    continue
                first = feature.Feature.LookupListIndex[0]
                feature.Feature.LookupListIndex = [first]
                lookup = table.LookupList.Lookup[first]
                own = SingleSubst()
                own.mapping = dict(forms[tag])
                lookup.LookupType, lookup.SubTable, lookup.SubTableCount = 1, [own], 1
