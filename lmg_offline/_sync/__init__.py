"""
Replay: the one place that sees both the journal and the network.

`runner.py` does one step at a time, `thread.py` repeats it, `lease.py` keeps it
to one process, `reads.py` answers reads. Start with `runner.py`.
"""
