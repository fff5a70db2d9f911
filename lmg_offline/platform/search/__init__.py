"""
Search: the businesses that hold some words, by name, by what they are about, and by their offers.

`words.py` says what a word is, `index.py` keeps the words of each business,
`engines.py` asks the database's own full-text index for candidates, and
`ranking.py` puts them in order: one formula, whatever the database. Begin with `find.py`.
"""
