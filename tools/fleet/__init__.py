"""
A fleet of devices that lose the platform together, and come back to it together.

`real` lets Clients live, `simulated` the sync of Clients without journal and thread,
each kind in processes of its own; `outage` is what happens to the platform, `measures`
and `verdict` are what is made of it. Start reading at `run`.
"""
