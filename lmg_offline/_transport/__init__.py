"""
The network: one request in, one outcome out. It does not know that a journal exists.

`port.py` says what an outcome is, `http.py` holds the only urllib3 code,
`deadline.py` bounds every exchange in time.
"""
