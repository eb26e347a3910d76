"""What a chapter's worksheet asks: one module a chapter, each with ``tasks(draw)``.

All answers are computed when a sheet is made, by the package's blocks and probes.
`parts.py` holds what the chapters share: tasks, blanks, a network's shapes and a
receptive field.
"""
