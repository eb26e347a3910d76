"""Which input pixels can an output pixel depend on?

| module | what it does |
|---|---|
| `field.py` | `receptive_field`: the field of every operation and output |
| `effective.py` | `effective_receptive_field`: how much each of its pixels counts |
| `brute_force.py` | `gradient_support`: the same question by gradients, no rules |
| `open_operations.py`, `open_tensors.py` | how that runs what hides its reads |
| `run.py`, `carry.py` | run without numbers, carry fields from kernel to kernel |
| `rules/` | what each kernel does to a field; add your own with `rule` |
| `arithmetic/` | fields as arrays of intervals |
| `report.py`, `outputs.py` | what is told of one tensor, and of one output |
"""
