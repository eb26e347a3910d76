"""Exercises of chapter 01, self-attention: one file each, by number.

`mistakes.py` holds the typical mistakes that several of them look for.
"""
