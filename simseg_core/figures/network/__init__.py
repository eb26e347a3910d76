"""The picture of a network, drawn from its live trace.

In the order in which they work: `fold.py` (rows into groups), `graph.py` (boxes and
links), `levels.py` (resolutions), `names.py` (what a box says), `plan.py` (how much the
width can hold), `layout.py` (where boxes stand), `route.py` (how links run), `paint.py`
and `key.py` (on the page); `draw.py` has `draw_trace`.
"""
