"""The summary by area as the rectangles of a stacked bar chart."""

from dataclasses import dataclass

from conformance.reporters.document import Document

__all__ = ["Bar", "Chart", "Segment", "draw_chart"]

ROW_HEIGHT = 24
BAR_LEFT, BAR_WIDTH = 31.0, 61.0
"""Where a bar lies, in percent of the chart's width: it fits a phone and a wide screen alike."""

LEAST_SHARE = 0.025
"""A single failure among hundreds of checks is still seen."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle. `x` and `width` are percentages of the chart's width."""

    status: str
    count: int
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One area. `y` is the top of its row in pixels."""

    area: str
    y: int
    total: int
    total_x: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """All bars. `height` is in pixels."""

    bars: tuple[Bar, ...]
    height: int


def draw_chart(areas: list[Document]) -> Chart:
    """Return the chart of the document's areas. Each bar is as long as the others: areas differ too much in size."""
    bars = tuple(_bar(area, index * ROW_HEIGHT) for index, area in enumerate(areas))
    return Chart(bars, len(bars) * ROW_HEIGHT)


def _bar(area: Document, y: int) -> Bar:
    counts = {status: count for status, count in area["counts"].items() if count}
    total = sum(counts.values())
    shares = {status: max(count / total, LEAST_SHARE) for status, count in counts.items()}
    whole = sum(shares.values())
    segments, x = [], BAR_LEFT
    for status, share in shares.items():
        width = share / whole * BAR_WIDTH
        segments.append(Segment(status, counts[status], _percent(x), _percent(width)))
        x += width
    return Bar(area["name"], y, total, _percent(x), tuple(segments))


def _percent(value: float) -> str:
    return f"{value:.3f}%"
