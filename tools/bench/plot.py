"""The ratios as a picture: for each contest its first number, as a multiple of the baseline's, which stands at 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .results import Table

ROW_INCHES = 0.22
# For the numbers beside the bars, on either side.
ROOM = 1.6
OURS, OTHERS = "tab:blue", "0.7"


def draw(path: Path, tables: Sequence[Table], title: str) -> None:
    """Write an SVG or a PNG, by the name's end; the scale is logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"  # the same numbers make the same file
    from matplotlib import pyplot

    shown = [table for table in tables if len(_bars(table)) > 1]
    if not shown:
        return
    rows = [len(_bars(table)) + 2 for table in shown]
    figure, axes = pyplot.subplots(
        len(shown),
        1,
        figsize=(9, ROW_INCHES * sum(rows) + 0.5 * len(shown)),
        height_ratios=rows,
        layout="constrained",
        squeeze=False,
    )
    for place, table in zip(axes[:, 0], shown, strict=True):
        bars = _bars(table)
        names = [name for name, _ in bars]
        widths = [ratio - 1 for _, ratio in bars]
        # From the baseline on: a bar on a logarithmic scale has no other beginning.
        drawn = place.barh(names, widths, left=1, color=[_colour(table, name) for name in names])
        place.bar_label(drawn, [f"{ratio:.2f}" for _, ratio in bars], padding=3, fontsize="x-small")
        place.set_xscale("log")
        place.xaxis.set_major_formatter("{x:g}")
        place.xaxis.set_minor_formatter("")
        ratios = [ratio for _, ratio in bars]
        # Never nearer than from a half to the double: what differs little is to look so.
        place.set_xlim(min(0.5, min(ratios) / ROOM), max(2.0, max(ratios) * ROOM))
        place.invert_yaxis()
        place.axvline(1, color="0.2", linewidth=0.8)
        place.tick_params(labelsize="x-small")
        column = table.contest.columns[0]
        about = f"{table.contest.title}: {column.title}, {'more' if column.more else 'less'} is better"
        place.set_title(about, fontsize="small", loc="left")
    figure.suptitle(title, fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _bars(table: Table) -> list[tuple[str, float]]:
    column = table.contest.columns[0].name
    found = [(system, table.ratio(system, column)) for system in table.contest.systems]
    return [(system, ratio) for system, ratio in found if ratio is not None and ratio > 0]


def _colour(table: Table, system: str) -> str:
    is_ours = system.startswith("lmg") or table.contest.task in ("drain", "backlog")
    return OURS if is_ours else OTHERS
