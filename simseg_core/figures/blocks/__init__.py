"""What one block does, as a picture.

`attention.py`: where a position looks; `gates.py`: what gates let through, which
`gate_facts.py` says in numbers; `rates.py`: which weights of an atrous convolution meet
the map; `wiring.py`: which layers read which.
"""
