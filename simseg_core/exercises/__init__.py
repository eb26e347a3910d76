"""Checks for the exercises at the end of the chapters.

Exercise 05.4 is checked in `ch05/ex4_*.py`, and that check is tested in
`tests/exercises/test_ch05.py`; `bench/` is the workbench that all checks share.

A check runs the reader's function or class beside the reference, on random weights and
inputs. It says what is right so far and gives the hint that fits the mistake; it never
shows the answer, and an untouched stub is "not attempted", not an error. Who is stuck
may ask for more: `hint=2` says where to look, `hint=3` works an example by hand.

>>> def center_crop(x, height, width): ...
>>> check("03.2", center_crop)
03.2 Crop the centre: not attempted yet.
"""

from simseg_core.exercises.bench.checking import Result, check, list_exercises

__all__ = ["Result", "check", "list_exercises"]
