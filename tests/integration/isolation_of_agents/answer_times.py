"""How long the agents' answers took, which are missing, and which came twice: by the backend's own clock."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass

P50_BAR = 1.5
"""Of the median while a fault lasts, by that of the quiet time just before."""

P99_BAR = 2.5
"""Likewise."""

NOISE_MS = 5.0
"""By so much two quiet phases differ on a busy machine; nothing is made of less."""


@dataclass(frozen=True)
class Phase:
    """
    What was asked in one stretch of time.

    Attributes:
        seconds: From each question to its answer.
        lost: Questions without an answer.
        doubled: Answers beyond the first.
    """

    seconds: tuple[float, ...]
    lost: int
    doubled: int

    @classmethod
    def of(cls, messages, numbers):
        """
        Of the questions with these numbers.

        Args:
            messages: As the backend shows them, of all chats.
            numbers: That were asked; a question is its number, and its answer `re` and the number.
        """
        asked, answers = {}, {}
        for message in messages:
            if match := re.fullmatch(r"(re )?(\d+)", message["content"]):
                number, at = int(match[2]), message["created_at"]
                (answers.setdefault(number, []) if match[1] else asked.setdefault(number, [])).append(at)
        heard = Counter({number: len(answers.get(number, ())) for number in numbers})
        return cls(
            seconds=tuple(min(answers[number]) - asked[number][0] for number in numbers if number in answers),
            lost=sum(heard[number] == 0 for number in numbers),
            doubled=sum(max(0, heard[number] - 1) for number in numbers),
        )

    def percentile(self, percent):
        """Milliseconds; 0 if nothing was answered."""
        if len(self.seconds) < 2:
            return 0.0
        return 1e3 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True)
class Row:
    """
    What one fault of one agent cost the others.

    Attributes:
        name: Of the fault.
        pairs: Of a quiet phase, and one with the fault.
    """

    name: str
    pairs: tuple[tuple[Phase, Phase], ...]

    @property
    def lost(self):
        """In all phases."""
        return sum(phase.lost for pair in self.pairs for phase in pair)

    @property
    def doubled(self):
        """In all phases."""
        return sum(phase.doubled for pair in self.pairs for phase in pair)

    def ratios(self, percent):
        """Of each pair."""
        return [
            during.percentile(percent) / max(before.percentile(percent), 0.001)
            for before, during in self.pairs
        ]

    def excess(self, percent):
        """Milliseconds more than in the quiet phase, in the middle pair."""
        return statistics.median(
            during.percentile(percent) - before.percentile(percent) for before, during in self.pairs
        )

    def wrongs(self):
        """What the fault cost, in words."""
        if self.lost or self.doubled:
            yield f"{self.name}: {self.lost} lost, {self.doubled} doubled"
        for percent, bar in ((50, P50_BAR), (99, P99_BAR)):
            ratio = statistics.median(self.ratios(percent))
            if ratio > bar and self.excess(percent) > NOISE_MS:
                yield f"{self.name}: p{percent} x {ratio:.2f} (bar {bar}), {self.excess(percent):.0f} ms more"

    def line(self):
        """Of the table."""
        cells = []
        for percent in (50, 99):
            before, during = (
                statistics.median(pair[side].percentile(percent) for pair in self.pairs) for side in (0, 1)
            )
            ratios = self.ratios(percent)
            cells.append(
                f"{before:>8.1f}{during:>8.1f}{statistics.median(ratios):>7.2f}"
                f" ({min(ratios):.2f} to {max(ratios):.2f})".ljust(42)
            )
        longest = 1e3 * max((seconds for _, during in self.pairs for seconds in during.seconds), default=0.0)
        answers = sum(len(phase.seconds) for pair in self.pairs for phase in pair)
        return f"{self.name:<26}{''.join(cells)}{longest:>8.0f}{answers:>9}{self.lost:>6}{self.doubled:>9}"


HEADING = (
    f"{'fault':<26}{'p50 before, during, ratio':<42}{'p99 before, during, ratio':<42}"
    f"{'longest':>8}{'answers':>9}{'lost':>6}{'doubled':>9}"
)
