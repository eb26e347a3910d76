"""What all probes share: how a network is run, and left exactly as it was.

`inputs.py` reads what a probe is given, `tensors.py` finds tensors in anything,
`fake.py` runs without numbers, `unchanged.py` puts back what a run changed (`reach.py`
finds the modules, `writes.py` what was written in place), `refusal.py` says which layer
refused what.
"""
