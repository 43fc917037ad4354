"""Lines over time as inline SVG: no script, readable without colour; the page has the numbers in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 400, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing; `dash` tells lines apart without colour."""

    name: str
    colour: str
    values: Sequence[float]
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the time axis that is marked (an outage), in hours."""

    first: float
    last: float


def chart(title: str, hours: Sequence[float], lines: Sequence[Line], spans: Sequence[Span] = ()) -> str:
    """A chart of `lines` over `hours`, from zero to the highest value."""
    first, last = (hours[0], hours[-1]) if hours else (0.0, 1.0)
    width = max(last - first, 1e-9)
    top = _round_up(max((value for line in lines for value in line.values), default=0.0))

    def x(hour: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (min(max(hour, first), last) - first) / width

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *(
            f'<rect class="cut" x="{x(span.first):.1f}" y="{_TOP}" '
            f'width="{max(1.0, x(span.last) - x(span.first)):.1f}" height="{HEIGHT - _TOP - _BOTTOM}"/>'
            for span in spans
            if span.last >= first
        ),
    ]
    for value in (0.0, top / 2, top):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 6}" y="{y(value) + 4:.1f}">{value:,.6g}</text>')
    for hour in (first, (first + last) / 2, last):
        anchor = "start" if hour == first else "end" if hour == last else "middle"
        parts.append(
            f'<text x="{x(hour):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{hour:,.1f} 時間</text>'
        )
    for line in lines:
        points = " ".join(
            f"{x(hour):.1f},{y(value):.1f}" for hour, value in zip(hours, line.values, strict=True)
        )
        dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        parts.append(f'<polyline points="{points}" stroke="{line.colour}"{dash}/>')
    return "".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """What each line is, with its newest value."""
    return "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><path d="M0 4H28" stroke="{line.colour}"'
        f"{f' stroke-dasharray={line.dash!r}' if line.dash else ''}/></svg>{escape(line.name)} "
        f"<b>{(line.values[-1] if line.values else 0):,.0f}</b></li>"
        for line in lines
    )


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if value <= factor * step:
                return factor * step
        step *= 10
