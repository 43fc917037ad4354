"""What was measured: each figure beside its limit of the same run, as a share of it, against its aim."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    what: str
    database: str
    value: str
    limit: str
    share: str
    aim: str = ""
    is_met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        met = {True: "yes", False: "**no**", None: ""}[self.is_met]
        return (self.what, self.database, self.value, self.limit, self.share, self.aim, met)


HEAD = ("what", "database", "measured", "limit of the same run", "share of it", "aim", "met")


def rate(
    what: str, database: str, runs: Sequence[float], bare: Sequence[float], *, of: str, least: float = 0
) -> Figure:
    """So many a second, at least `least`."""
    found, limit = median(runs), median(bare)
    return Figure(
        what,
        database,
        f"{found:,.0f}/s{_spread(runs)}",
        f"{limit:,.0f}/s {of}",
        f"{found / limit:.0%}",
        f"≥ {least:,.0f}/s" if least else "",
        found >= least if least else None,
    )


def latency(
    what: str,
    database: str,
    halves: Sequence[float],
    worst: Sequence[float],
    bare: Sequence[float],
    *,
    of: str,
    most_s: float = 0,
) -> Figure:
    """Median and p99 of a wait, the median at most `most_s`."""
    found, limit = median(halves), median(bare)
    return Figure(
        what,
        database,
        f"p50 {1000 * found:.1f} ms, p99 {1000 * median(worst):.1f} ms",
        f"{1000 * limit:.2f} ms {of}",
        f"{limit / found:.0%}",
        f"p50 ≤ {1000 * most_s:.0f} ms" if most_s else "",
        found <= most_s if most_s else None,
    )


def counted(what: str, database: str, value: str, aim: str, is_met: bool | None) -> Figure:
    """Something that is counted, not timed."""
    return Figure(what, database, value, "", "", aim, is_met)


def table(figures: Sequence[Figure]) -> str:
    """All of them in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(figure.cells() for figure in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _spread(runs: Sequence[float]) -> str:
    return f" ({min(runs):,.0f}–{max(runs):,.0f})" if len(runs) > 1 else ""
