"""
What a process does, and measures of itself: one module a task, each with `run(system, place, **words)`.

`run` returns numbers by the names of the columns. What only another process can
see (system calls, the start of a process) is counted by `run.py` or by a child of
the task. Start reading in `write`.
"""
