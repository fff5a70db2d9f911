"""
Charts as SVG, made of text and numbers on the server.

Lengths are in per cent of the width and in pixels of the height, so that a chart
is as wide as its place and its letters are as large as the page's. Colours are in
the style sheet: the pages' security policy takes no style inside an element.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

_ROW_PX = 42
_LONGEST_LABEL = 28
_COLUMNS_PX = 140
_AXIS_PX = 22


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """
    Return lying bars, one below the other; the whole width is everybody.

    Args:
        title: What is shown, for who can't see it.

        rows: Of each bar the label, the share from 0 to 1, and the figure in words.
    """
    parts = []
    for place, (label, share, figure) in enumerate(rows):
        top = place * _ROW_PX
        parts.append(
            Markup(
                '<g><title>{label}: {figure}</title><text x="0" y="{text}">{short}</text>'
                '<text class="figure" x="100%" y="{text}" text-anchor="end">{figure}</text>'
                '<rect class="track" x="0" y="{bar}" width="100%" height="8" rx="4"/>'
                '<rect class="bar" x="0" y="{bar}" width="{width}%" height="8" rx="4"/></g>'
            ).format(
                label=label,
                short=_short(label),
                figure=figure,
                text=top + 14,
                bar=top + 22,
                width=f"{100 * share:.2f}",
            )
        )
    return _svg("bars", title, max(len(rows), 1) * _ROW_PX - 8, Markup("").join(parts))


def columns(title: str, days: Sequence[tuple[date, int]]) -> Markup:
    """
    Return a standing column for each day, the oldest on the left.

    Args:
        title: What is shown, for who can't see it.

        days: With the count of each, >= 0.
    """
    most = max([count for _, count in days], default=0)
    step = 100 / max(len(days), 1)
    parts = [
        Markup('<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=y)
        for y in (0.5, _COLUMNS_PX / 2 + 0.5, _COLUMNS_PX + 0.5)
    ]
    for place, (day, count) in enumerate(days):
        height = _COLUMNS_PX * count / most if most else 0
        parts.append(
            Markup(
                "<g><title>{day}: {count}</title>"
                '<rect class="bar" x="{x}%" y="{y}" width="{width}%" height="{height}" rx="2"/></g>'
            ).format(
                day=day.isoformat(),
                count=f"{count:,}",
                x=f"{place * step + step * 0.12:.3f}",
                width=f"{step * 0.76:.3f}",
                y=f"{_COLUMNS_PX - height:.1f}",
                height=f"{height:.1f}",
            )
        )
    if days:
        axis = '<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        y = _COLUMNS_PX + _AXIS_PX - 5
        parts.append(Markup(axis).format(x="0", y=y, anchor="start", text=_day(days[0][0])))
        parts.append(Markup(axis).format(x="100%", y=y, anchor="end", text=_day(days[-1][0])))
        parts.append(Markup(axis).format(x="50%", y=y, anchor="middle", text=f"most: {most:,}"))
    return _svg("columns", title, _COLUMNS_PX + _AXIS_PX, Markup("").join(parts))


def _svg(kind: str, title: str, height: int, content: Markup) -> Markup:
    return Markup(
        '<svg class="chart {kind}" role="img" aria-label="{title}" width="100%" height="{height}">{content}</svg>'
    ).format(kind=kind, title=title, height=height, content=content)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
