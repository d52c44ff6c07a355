"""Which of many products strain a layout most: those whose texts are widest, or hold the longest word."""

import unicodedata
from collections.abc import Sequence
from itertools import chain, islice


def most_demanding(texts: Sequence[Sequence[str]], count: int) -> list[int]:
    """The positions in `texts` (each one product's texts, in the same order) to try, at most `count` of them.

    In turn the next in order, and for each of the texts the next widest and the next with a long word.
    """
    rankings: list[Sequence[int]] = [range(len(texts))]
    for place in range(max(map(len, texts), default=0)):
        told = [each[place] if place < len(each) else "" for each in texts]
        for weigh in (_width, _longest_word):
            weights = [weigh(text) for text in told]
            rankings.append(sorted(range(len(texts)), key=weights.__getitem__, reverse=True))
    return list(islice(dict.fromkeys(chain.from_iterable(zip(*rankings, strict=True))), count))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _longest_word(text: str) -> int:
    return max(map(_width, text.split()), default=0)
