"""
Faults, made on purpose, and what the SDK makes of them.

Here live the proxy that spoils exchanges, the corpus of bad answers, the
oracle that holds what was promised against what the platform has, and the rows
of the fault matrix that use them. Nothing here is part of the package, and
nothing in the package may import it. Start with `proxy.py`, then `rows.py`.

Disks are spoiled by `shim.c`, which is preloaded into the children of `nursery.py`
and needs a C compiler; a row that lacks one raises `Lacking`, and is not counted.

A new row is a function (stage, seed, count) -> `oracle.Report` and a line in
`rows.ROWS`. One that needs a network in between begins with `play.playing`.
"""
