"""
The command line: one file a verb. Data goes to stdout, talk to stderr.

Exit codes: 0 it holds; 1 it does not; 2 the call is wrong; 3 the journal or the
platform can't be used. Start with `main.py`.
"""
