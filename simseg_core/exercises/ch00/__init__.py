"""Exercises of chapter 00, from pixels to a score: one file each, by number.

`labels.py` and `losses.py` hold what several of them share.
"""
