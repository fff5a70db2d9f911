"""
Properties: state machines that do anything in any order, each against a model short enough to read.

A machine drives the real parts and the model side by side; what they disagree on
is a fault of one of them. `HYPOTHESIS_PROFILE=long` searches longer, and at
random. Start with `test_identity.py`.
"""
