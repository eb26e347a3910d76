"""The networks of the lab: trained here, run in the reader's browser.

`train.py` trains them, `tape.py` turns a network into a list of operations that a page
can follow, `scenes.py` composes what the reader changes, `write.py` writes it all as
scripts below ``book/_static/widgets/lab``. `make lab` does this in a few minutes.
"""
