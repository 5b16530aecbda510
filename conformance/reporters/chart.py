"""The summary by area as the rectangles of a stacked bar chart."""

from dataclasses import dataclass

from conformance.reporters.document import Document

__all__ = ["Bar", "Chart", "Segment", "draw_chart"]

ROW_HEIGHT = 24
BAR_LEFT, BAR_WIDTH = 31.0, 61.0
"""Where the longest bar lies, in percent of the chart's width: it fits a phone and a wide screen alike."""


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
    """Return the chart of the document's areas; a bar's length is the number of its checks."""
    longest = max((sum(area["counts"].values()) for area in areas), default=1) or 1
    bars = tuple(_bar(area, index * ROW_HEIGHT, longest) for index, area in enumerate(areas))
    return Chart(bars, len(bars) * ROW_HEIGHT)


def _bar(area: Document, y: int, longest: int) -> Bar:
    segments, done = [], 0
    for status, count in area["counts"].items():
        if count:
            segments.append(Segment(status, count, _place(done, longest), _percent(count / longest * BAR_WIDTH)))
            done += count
    return Bar(area["name"], y, done, _place(done, longest), tuple(segments))


def _place(count: int, longest: int) -> str:
    return _percent(BAR_LEFT + count / longest * BAR_WIDTH)


def _percent(value: float) -> str:
    return f"{value:.3f}%"
