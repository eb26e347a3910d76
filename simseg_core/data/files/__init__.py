"""Reading a stranger's files: all that they hold, or an error that carries the remedy.

`file_pairs.py` finds the mask of each picture, `picture_files.py` opens both,
`mask_pixels.py` gives a mask's numbers or colours, `values.py` checks and writes one of
them, `mask_values.py` says which class each is, `mask_palettes.py` asks whether the
palettes of a set agree; a file's `Fault` and the list of a set's stand in `faults.py`.
"""
