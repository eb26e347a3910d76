"""Exercises of chapter 06, FC-HarDNet: one file each, by number.

`mistakes.py` holds the typical mistake that several of them look for.
"""
