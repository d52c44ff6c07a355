"""Which characters the shipped fonts hold, by the names that fonts.yaml uses."""

from collections.abc import Iterator

# Shop words and names outside Big5 level 1 (T-shirt, hem, quilting, everyday Cantonese).
SHOP_CHINESE = "恤衩襬絎羢緹靚嘢啲喺冇咗嚟哋揼孖佢嘅唔咁噉諗攞㗎囍喆堃犇淼焱燚峯裏綫衞鷄麪枱擡粧"
# The same outside GB 2312 level 1.
SHOP_SIMPLIFIED = "衩绗缇靓囍喆堃犇淼焱燚裥褶裾裆襟缎绡绉绨绫缂缬氅袷睫黛馨璀璨斓瑰缤霓钛钻拎踝翡吊"


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
    "simplified-chinese": "".join(decoded("gb2312", (0xB0, 0xA1), (0xD7, 0xFE))) + SHOP_SIMPLIFIED,
    "japanese": "".join(decoded("euc_jp", (0xA1, 0xA1), (0xA8, 0xFE)))
    + "".join(decoded("cp932", (0x87, 0x40), (0x87, 0x9C))) + span(0x3040, 0x30FF)
    + "".join(decoded("euc_jp", (0xB0, 0xA1), (0xCF, 0xFE))),
    "japanese-rare": "".join(decoded("euc_jp", (0xD0, 0xA1), (0xF4, 0xFE))),
    # The 2,350 syllables of KS X 1001, and the letters that syllables are made of.
    "korean": "".join(decoded("euc_kr", (0xB0, 0xA1), (0xC8, 0xFE))) + span(0x3131, 0x3163),
    # Arabic, Persian and Urdu letters, vowel signs, figures and punctuation.
    "arabic": "،؛؟" + span(0x621, 0x63A) + span(0x640, 0x655) + span(0x660, 0x66D)
    + "\u0670پچژکگیۀہےٹڈڑںھ﷼" + span(0x6F0, 0x6F9) + " !,.:-«»\u00a0\u200c\u200d\u200e\u200f",
    # What shops write; sequences stand with their joiners. Others: see "Your own fonts" in README.md.
    "emoji": "🔥🎉❤✨⭐🎁🛍🛒👗👕👖👟👠👜👒🧢👓🕶🧥🧣🧤🧦👔👚👙🎀💎💄🌸🌷🍂☀❄🎄🎃🎊🎈🏷💰💳📦🚚⏰⚡💯✅👉👍👏"
    "🙌💪😍🥰😊🤩😎🎂🧧🏮🌙💝💕",
}  # fmt: skip

# Emoji of several code points, without their variation selectors.
SEQUENCES = "❤‍🔥 👍🏻 👍🏽 👍🏿 👨‍👩‍👧 👨‍👩‍👧‍👦 🇹🇼 🇯🇵 🇰🇷 🇨🇳 🇩🇪 🇺🇸 🇬🇧 🇸🇦".split()
