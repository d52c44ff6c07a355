"""Where a line may end, and which of those places look best.

Chinese and Japanese break between phrases (BudouX), never against kinsoku (JIS X 4051, UAX #14 OP, CL, NS);
Korean, Latin and Arabic break at spaces, Latin also after hyphens; numbers keep their unit, currency and
separators.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from functools import cache, lru_cache
from itertools import pairwise

import budoux

from pipeline.clusters import BREAK_HERE, WORD_JOINER, clusters, is_emoji


class Break(IntEnum):
    """How bad a line end is between two clusters; a higher value is a worse place."""

    SPACE = 0
    PHRASE = 1
    SCRIPT = 2
    ANYWHERE = 3
    NEVER = 9


# JIS X 4051 "characters not starting a line", with their half-width and Latin cousins.
NOT_AT_START = frozenset(
    "、。，．・：；？！‼⁇⁈⁉︰,.:;?!％%‰℃°،؛؟٪"
    "）〕］｝〉》」』】〙〗〟’”»›)]}｠｣"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯｰ"
    "ー々〻ゝゞヽヾ～〜‐゠–—…‥·•｡､･"
)
# JIS X 4051 "characters not ending a line", and the signs that belong to the figure after them.
NOT_AT_END = frozenset("（〔［｛〈《「『【〘〖〝‘“«‹([{｟｢￥＄￡＃＠¥$€£₩₹฿₫#@№")
# Two of these in a row are one sign ("……", "——"): the pair stays whole.
_DOUBLED = frozenset("…‥—―─")

_SENTENCE_ENDS = frozenset("、。，；：！？…")
_OPENING = frozenset("（〔［｛〈《「『【〘〖〝")
_CLOSING = frozenset("）〕］｝〉》」』】〙〗〟")
_COUNTERS = (
    "折件元円圓塊萬万億千百十％%‰年月日時分秒点點個组組雙双套條条本枚名位人割倍歲歳週周天期回杯瓶箱盒款色入片"
)
_CURRENCY = r"(?:NT|US|HK|AU|CA|S|C|A|R|Mex)?[$€£¥₩₹฿₫￥＄￡]|(?:TWD|USD|JPY|EUR|GBP|HKD|CNY|KRW)"
_UNIT = (
    r"[%％‰‱]|°[CF]?|℃|[€£¥₩₹฿₫円元]|(?:TWD|USD|JPY|EUR|GBP|HKD|CNY|KRW|OFF|off|cm|mm|km|m|kg|g|mg|ml|mL|L|oz|"
    r"lb|in|inch|GB|TB|h|hr|hrs|min|pcs|am|pm|AM|PM)(?![A-Za-z])"
)
_DIGITS = r"[0-9０-９]+(?:[.,:/．，：／~～\-–×x'][0-9０-９]+)*"
_CHINESE_DIGITS = "〇一二三四五六七八九十百千萬万億兩両半"
_UNBREAKABLE = re.compile(
    # "NT$ 1,280", "50 %", "第3弾", "2026/11/22", "1,280元起", "30% OFF"
    rf"(?:(?:{_CURRENCY})[ \u00a0\u202f]?)?第?[+\-−±＋－]?"
    rf"(?:{_DIGITS}\+?(?:[ \u00a0\u202f]?(?:{_UNIT}))*[{_COUNTERS}]*)+起?"
    # "五折", "八折起", "第二件", "十二月"; a numeral alone ("買一送一") is left to the phrases
    rf"|第?[{_CHINESE_DIGITS}]+[{_COUNTERS}]起?"
    # "T恤", "V領", "A字裙": a letter that stands for a shape belongs to what it shapes
    r"|(?<![A-Za-z0-9])[A-Z][\u4e00-\u9fff]"
)

_LONGEST_SINGLES = 3
_NOT_LATIN = re.compile(r"[^\x00-\u024f]+")


@lru_cache(maxsize=4096)
def opportunities(text: str, language: str) -> tuple[Break, ...]:
    """For each cluster of `text` the quality of a line end before it; the first is NEVER.

    `text` is one paragraph (no "\\n"), `language` a tag of `pipeline.fonts.language`.
    """
    parts = clusters(text)
    phrase_starts = _phrase_starts(text, language)
    inside = _inside_numbers(text)
    found = [Break.NEVER]
    offset = 0
    for before, after in zip(parts, parts[1:], strict=False):
        offset += len(before)
        if offset in inside:
            found.append(Break.NEVER)
        else:
            found.append(_between(before, after, offset in phrase_starts))
    return tuple(found[: len(parts)])


def _between(before: str, after: str, phrase_start: bool) -> Break:
    left, right = before[0], after[0]
    if BREAK_HERE in (left, right):
        return Break.PHRASE if left == BREAK_HERE else Break.NEVER
    if WORD_JOINER in (left, right) or _glues(left) or _glues(right) or right.isspace():
        return Break.NEVER
    if left.isspace():
        return Break.SPACE
    if right in NOT_AT_START or left in NOT_AT_END or (left == right and left in _DOUBLED):
        return Break.NEVER
    if left in _SENTENCE_ENDS or left in _CLOSING or right in _OPENING:
        return Break.PHRASE
    if left in "!?," and _script(right) != "latin":
        return Break.PHRASE
    return _between_letters(left, right, phrase_start)


def _between_letters(left: str, right: str, phrase_start: bool) -> Break:
    scripts = _script(left), _script(right)
    if scripts == ("latin", "latin"):
        return Break.SCRIPT if left in "-‐–/" and right.isalpha() else Break.NEVER
    if phrase_start:
        return Break.PHRASE
    if "hangul" in scripts and "latin" in scripts:
        # "30일까지", "SALE은": what follows the figure or the name is its particle.
        return Break.ANYWHERE
    if scripts[0] != scripts[1] and scripts != ("han", "hiragana"):
        return Break.SCRIPT
    # A break inside a katakana word hurts like one inside a Latin word, yet the word may be the whole line;
    # Korean has spaces, and a word torn between syllables is the last resort (CSS `word-break: keep-all`).
    return Break.ANYWHERE


def _glues(letter: str) -> bool:
    return letter in "\u00a0\u202f\u2007"


def _script(letter: str) -> str:
    code = ord(letter)
    if 0x3040 <= code <= 0x309F:
        return "hiragana"
    if 0x30A0 <= code <= 0x30FF or 0xFF66 <= code <= 0xFF9F:
        return "katakana"
    if is_emoji(letter):
        return "emoji"
    if 0xAC00 <= code <= 0xD7A3 or 0x3131 <= code <= 0x318E:
        return "hangul"
    if 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF:
        return "han"
    return "fullwidth" if 0xFF00 <= code <= 0xFFEF else "latin"


def _inside_numbers(text: str) -> frozenset[int]:
    """Offsets in `text` that lie inside a price, a quantity or a date."""
    return frozenset(
        offset for match in _UNBREAKABLE.finditer(text) for offset in range(match.start() + 1, match.end())
    )


def _phrase_starts(text: str, language: str) -> frozenset[int]:
    """Offsets at which BudouX starts a phrase, after joining what it splits off too eagerly.

    Figures and Latin words are taken out first: the parsers know none and cut "280免|運費" beside them.
    """
    parser = _parser(language)
    if parser is None:
        return frozenset()
    return frozenset(
        stretch.start() + offset
        for stretch in _NOT_LATIN.finditer(text)
        for offset in _joined(parser.parse(stretch.group()))
    )


def _joined(phrases: list[str]) -> list[int]:
    """Where phrases start once single characters are joined to their neighbours.

    BudouX cuts 最|低|價, 免|運費 and 週日|止: singles in a row are one word, one that opens a stretch
    belongs to what follows, one that closes it to what went before.
    """
    starts: list[int] = []
    offset = singles = 0
    for place, phrase in enumerate(phrases):
        single = len(phrase) == 1 and phrase.isalpha()
        after_opening = offset == 1 and singles == 1
        closing = single and place == len(phrases) - 1
        joined = after_opening or (single and 1 <= singles < _LONGEST_SINGLES) or (closing and offset > 0)
        if not joined:
            starts.append(offset)
        singles = (singles if joined else 0) + 1 if single else 0
        offset += len(phrase)
    return starts


@cache
def _parser(language: str) -> budoux.Parser | None:
    match language:
        case "ja":
            return budoux.load_default_japanese_parser()
        case "zh-Hant":
            return budoux.load_default_traditional_chinese_parser()
        case "zh-Hans":
            return budoux.load_default_simplified_chinese_parser()
    return None


def atoms(qualities: Sequence[Break], worst: Break) -> list[tuple[int, int]]:
    """The ranges between all opportunities no worse than `worst`: what lines are put together from.

    `qualities` as `opportunities` gives them, one for each cluster.
    """
    starts = [place for place, quality in enumerate(qualities) if place == 0 or quality <= worst]
    return list(pairwise([*starts, len(qualities)]))
