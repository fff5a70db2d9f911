"""The samples as a picture: memory, descriptors and threads, files, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .samples import MIB, Sample


def draw(path: Path, samples: Sequence[Sample], title: str) -> None:
    """Write an SVG or a PNG, by the name's end; times when the network was down are grey."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "soak"  # the same samples make the same file
    from matplotlib import pyplot

    minutes = [sample.at_s / 60 for sample in samples]
    figure, (memory, counts, files) = pyplot.subplots(3, 1, sharex=True, figsize=(9, 9), layout="constrained")
    for name in samples[0].vitals:
        vitals = [sample.vitals[name] for sample in samples]
        (line,) = memory.plot(minutes, [each.rss_bytes / MIB for each in vitals], label=name)
        colour = line.get_color()
        counts.plot(minutes, [each.descriptors for each in vitals], color=colour, label=f"{name}, descriptors")
        counts.plot(minutes, [each.threads for each in vitals], color=colour, linestyle=":", label=f"{name}, threads")
    for label in ("journal_bytes", "wal_bytes", "folder_bytes"):
        values = [getattr(sample, label) / 1024 for sample in samples]
        files.plot(minutes, values, label=label.removesuffix("_bytes"))
    for axes, label in ((memory, "resident memory, MiB"), (counts, "how many"), (files, "size, KiB")):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right", fontsize="x-small", ncols=2)
        for sample, following in pairwise(samples):
            if sample.network != "up":
                axes.axvspan(sample.at_s / 60, following.at_s / 60, color="0.9", linewidth=0, zorder=0)
    files.set_xlabel("minutes")
    memory.set_title(title)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
