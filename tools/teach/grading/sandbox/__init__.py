"""A student's code in a process of its own, and how it is spoken to from outside.

`worker.py` runs inside, beside the student's code; it never holds a test, a reference
or a grade. `process.py` starts it and holds it to its limits, `remote.py` makes what
lives inside look like functions and modules to a test outside. What goes over the pipe
between them (`wire.py`) is data: numbers, texts, tensors; nothing of it is ever run.
"""
