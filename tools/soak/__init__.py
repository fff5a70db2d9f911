"""
Hours on a bad network: three processes write to one journal, one of them sends.

`writer` is one of the processes, `weather` the network, `samples` what is
measured and what "flat" means, `run` all of it together. Start reading there.
"""
