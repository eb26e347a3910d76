"""Public data sets in their official layout, one a file: raw pairs, or as is asked for.

`voc.py`, `pets.py`, `cityscapes.py` and `ade20k.py` each say where the files lie, what
the values in their masks mean, and the official colours; `fetching.py` says what to do
if they are not there. Each function gives a `simseg_core.data.FolderDataset`.
"""
