"""
Whoever takes a write: ours, the bare baselines, queues on disk, and the SDKs that queue in memory.

Each is a function that opens one and returns how to write and how to finish; a
module imports its packages in the function, since a machine may lack them.
Nothing here measures. Start reading in `catalogue`.
"""
