"""The load of each fleet over time, and the law, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .measures import ANSWERED, AWAY, KINDS, LATE, REFUSED, Measures, slope

_COLOURS = {REFUSED: "0.75", LATE: "tab:red", AWAY: "tab:orange", ANSWERED: "tab:blue"}


def draw(path: Path, fleets: Sequence[Measures]) -> None:
    """Write an SVG or a PNG, by the name's end."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fleet"  # the same figures make the same file
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(
        len(fleets) + 1, 1, figsize=(9, 2.6 * (len(fleets) + 1)), layout="constrained", squeeze=False
    )
    for each, (axes,) in zip(fleets, rows, strict=False):
        seconds = range(len(each.load[REFUSED]) + 1)
        colours = [_COLOURS[kind] for kind in KINDS]
        axes.stackplot(seconds, *([*each.load[kind], 0] for kind in KINDS), labels=KINDS, colors=colours, step="post")
        axes.axvline(each.back_s, color="black", linewidth=0.8, label="the platform listens again")
        axes.axhline(each.devices, color="black", linewidth=0.8, linestyle=":", label="all at once")
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylabel("attempts a second")
        axes.set_title(f"{each.devices:,} devices, {each.how}")
        axes.legend(loc="upper right", fontsize="x-small")
    axes = rows[-1][0]
    points = [(each.devices, each.all_s) for each in fleets]
    power = slope(points)
    axes.loglog(*zip(*points, strict=True), "o", label="all drained")
    axes.loglog([each.devices for each in fleets], [max(1, each.return_peak) for each in fleets], "x",
                label="attempts in the busiest second after the return")  # fmt: skip
    axes.set_title("the law" if power is None else f"until all are drained: devices^{power:.2f}")
    axes.set_xlabel("devices")
    axes.set_ylabel("seconds, attempts")
    axes.legend(fontsize="x-small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
