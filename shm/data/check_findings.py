"""What can be wrong with training data, as a closed list; each with its severity and what to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SHOWN = 20


class Problem(StrEnum):
    """A kind of fault. Faults stop training; `WARNINGS` do not."""

    UNREADABLE = "unreadable"
    MISSING_LABEL = "missing_label"
    NO_ALPHA = "no_alpha"
    SIZE_MISMATCH = "size_mismatch"
    EMPTY_LABEL = "empty_label"
    FULL_LABEL = "full_label"
    INVERTED_LABEL = "inverted_label"
    HARD_LABEL = "hard_label"
    PHOTO_IS_LABEL = "photo_is_label"
    TWIN_HELD_OUT = "twin_held_out"
    HOLES = "holes"
    SEVERAL_PEOPLE = "several_people"
    LABEL_WITHOUT_PHOTO = "label_without_photo"
    TWIN = "twin"
    TOO_SMALL = "too_small"


WARNINGS = frozenset(
    {
        Problem.HOLES,
        Problem.SEVERAL_PEOPLE,
        Problem.LABEL_WITHOUT_PHOTO,
        Problem.TWIN,
        Problem.TOO_SMALL,
    }
)

ADVICE: Mapping[Problem, str] = {
    Problem.UNREADABLE: "Damaged or not a picture. Save it again, or remove it.",
    Problem.MISSING_LABEL: "A photo without its label, a PNG of the same name in the labels' folder.",
    Problem.NO_ALPHA: "A cut-out must be an RGBA picture with 8 bits a channel.",
    Problem.SIZE_MISMATCH: "Photo and label differ in size, often because one of them was turned or shrunk.",
    Problem.EMPTY_LABEL: "The label has nobody in it. Masks must be 0 and 255, not 0 and 1.",
    Problem.FULL_LABEL: "The label covers all of the photo.",
    Problem.INVERTED_LABEL: "The label marks the ground, not the person: invert it.",
    Problem.HARD_LABEL: "A mask of 0 and 255 where a soft alpha was promised. List it as kind masks.",
    Problem.PHOTO_IS_LABEL: "Photo and label are the same picture: one was saved over the other.",
    Problem.TWIN_HELD_OUT: "Nearly the same picture as one that is held out for judging, which would then "
    "judge what was learned by heart. Drop the one that is trained on.",
    Problem.HOLES: "A hole too large to be mended by itself: a gap between arm and body, or a fault.",
    Problem.SEVERAL_PEOPLE: "The label has separate large parts: several people, or one torn apart.",
    Problem.LABEL_WITHOUT_PHOTO: "A label that belongs to no photo.",
    Problem.TWIN: "Nearly the same picture twice: it counts twice.",
    Problem.TOO_SMALL: "Smaller than the crops that training takes: it would be seen enlarged.",
}


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one picture. `source`: its name in the recipe; `detail`: what was measured;
    `twin`: the other picture of a pair."""

    problem: Problem
    source: str
    detail: str
    photo: Path | None = None
    label: Path | None = None
    twin: Path | None = None

    @property
    def is_fault(self) -> bool:
        """Whether training refuses it."""
        return self.problem not in WARNINGS

    def __str__(self) -> str:
        return f"{self.photo or self.label}: {self.detail}"


@dataclass(frozen=True)
class CheckReport:
    """What was found in all sources. `pictures`: how many were looked at, by source."""

    findings: tuple[Finding, ...]
    pictures: Mapping[str, int]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What training refuses."""
        return tuple(finding for finding in self.findings if finding.is_fault)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What somebody should look at."""
        return tuple(finding for finding in self.findings if not finding.is_fault)

    @property
    def bad(self) -> frozenset[str]:
        """Paths of the photos with a fault: what `shm.data.sources.load_library` is to leave out."""
        return frozenset(str(finding.photo) for finding in self.faults if finding.photo is not None)

    @property
    def summary(self) -> str:
        """One line."""
        return (
            f"{_count(sum(self.pictures.values()), 'picture')} in {_count(len(self.pictures), 'source')}: "
            f"{_count(len(self.faults), 'fault')}, {_count(len(self.warnings), 'warning')}"
        )

    def by_problem(self) -> Iterator[tuple[Problem, list[Finding]]]:
        """Findings by what is wrong, faults first."""
        for problem in Problem:
            found = [finding for finding in self.findings if finding.problem == problem]
            if found:
                yield problem, found

    def table(self) -> str:
        """For people: the summary, then each kind with its files, long lists of them cut short."""
        lines = [self.summary]
        for problem, found in self.by_problem():
            grade = "fault" if found[0].is_fault else "warning"
            lines += ["", f"{grade}: {problem}, {len(found)}. {ADVICE[problem]}"]
            shown = _SHOWN if found[0].is_fault else _SHOWN // 4
            lines += [f"  {finding}" for finding in found[:shown]]
            if len(found) > shown:
                lines.append(f"  and {len(found) - shown} more")
        return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
