"""The workbench: how an answer is checked, whatever the exercise.

`checking.py` has `check`; `steps.py` are the steps of a check and their hints,
`help.py` is what a reader may ask for beyond them; `reader.py` meets the reader's code
(whose line is an error?), `patience.py` waits for it, `modules.py` is what checks ask
of a reader's module.
"""
