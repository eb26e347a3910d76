"""Fields as arrays of intervals: the arithmetic beneath the rules.

`taps.py`: which positions of its input each output of a window reads; `terms.py`: the
field of every element of a tensor, along one axis; `arrays.py`: such arrays moved,
grouped, shrunk; `endless.py`: what a position would see without any edge; `axis.py`:
what is told of one axis in the end: size, stride, offset, phases.
"""
