"""What is stripped from a text, and what stays in one piece."""

import pytest

from pipeline.clusters import clean, clusters


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a b"),
        ("a\x00\x07\x1bb\x7f", "ab"),
        ("\ufeffa\u00adb", "ab"),
        ("\u202eabc\u202c\u2066d\u2069", "abcd"),
        ("最低\u200b價\u2060格", "最低\u200b價\u2060格"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("\ud800x", "x"),
    ],
)
def test_clean_drops_what_cannot_be_drawn(text: str, kept: str) -> None:
    assert clean(text) == kept


@pytest.mark.parametrize(
    "cluster",
    ["e\u0301", "n\u0303\u0323", "か\u3099", "ﾊﾞ", "葛\U000e0100"]
    + ["❤\ufe0f", "👍🏽", "👨\u200d👩\u200d👧", "🇹🇼", "1\ufe0f\u20e3"],
)
def test_cluster_stays_whole(cluster: str) -> None:
    assert clusters(f"字{cluster}字") == ["字", cluster, "字"]


@pytest.mark.parametrize("text", ["", "abc", "今日\n限定", "🇹🇼🇯🇵x", "\u0301a", " \u0301"])
def test_clusters_joined_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


def test_flags_pair_up() -> None:
    assert clusters("🇹🇼🇯🇵") == ["🇹🇼", "🇯🇵"]
