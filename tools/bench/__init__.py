"""
Our writes, replay, start and idling beside the peers and the bare baselines, as ratios of one run.

`contests` says who is measured at what, `systems` how each takes a write, `tasks`
what a process does, `run` in which order processes run, `goals` what must be
shown. Start reading in `contests`. No time is ever asserted here.
"""
