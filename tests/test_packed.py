"""Texts that are much alike, kept small."""

from pipeline.packed import Packer


def test_a_text_comes_back_as_it_was() -> None:
    packer = Packer()

    kept = [packer.pack(text, "a kind") for text in ("", "今日限定五折", "x" * 100_000, "今日限定八折")]

    assert [str(each) for each in kept] == ["", "今日限定五折", "x" * 100_000, "今日限定八折"]


def test_kinds_do_not_mix() -> None:
    packer = Packer()

    one, other = packer.pack("a coat", "coats"), packer.pack("a hat", "hats")

    assert (str(one), str(other)) == ("a coat", "a hat")


def test_a_text_like_the_first_of_its_kind_takes_a_hundredth() -> None:
    packer = Packer()
    words = " ".join(f"{number * 7919 % 10007}" for number in range(1500))
    packer.pack(f"{words} coat {words}", "a kind")

    kept = packer.pack(f"{words} hat {words}", "a kind")

    assert len(kept.data) < len(str(kept)) / 100
