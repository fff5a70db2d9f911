"""
Mutants: bugs planted one at a time, to see that the tests notice.

Each is a small, named replacement of source text in a copy of the project; the
tree is never touched. The tests that are to notice are run there, and one that
fails is a bug that was caught. Start with `catalogue.py`.

A new mutant is an entry of `catalogue.MUTANTS`. When the source it names has
changed, the run says so and fails: bring the entry along.
"""
