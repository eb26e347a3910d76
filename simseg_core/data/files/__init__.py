"""Reading a stranger's files: all that they hold, or an error that carries the remedy.

`picture_files.py` opens pictures and masks, `mask_pixels.py` gives a mask's numbers or
colours, `mask_values.py` says which class each of them is, `mask_palettes.py` asks
whether the palettes of a set agree, `faults.py` is how a fault is told.
"""
