"""What ran, on which shapes, and at what cost? One run under a listener, two questions.

`shapes.py` (`trace_shapes`) and `costs.py` (`cost`) give the answers; `run.py` runs the
network once, `listener.py` hears every call and module, `record.py` is what it writes
down, `rows.py` folds that into rows; `macs.py` counts multiply-accumulates, and
`no_products.py` names the kernels that have none.
"""
