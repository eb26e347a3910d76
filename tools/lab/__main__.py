"""Train the lab's networks and write what its pages load: `make lab`.

A network that an earlier call trained is kept below ``.ran/lab``; remove it there to
train it again.
"""

import argparse
from pathlib import Path

from lab.train import (
    attention_network,
    decoder_network,
    gates_network,
    signs_networks,
    street_networks,
)
from lab.write import (
    write_decoder,
    write_gates,
    write_signal,
    write_signs,
    write_street,
)

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".ran" / "lab"
PAGES = ROOT / "book" / "_static" / "widgets"

# A wrong word on the command line is told before minutes of training.
argparse.ArgumentParser(prog="make lab", description=__doc__).parse_args()

print("== the lab: nine networks, 40 s of computing each or less")
write_street(PAGES, street_networks(KEPT))
write_decoder(PAGES, decoder_network(KEPT))
write_gates(PAGES, gates_network(KEPT))
write_signs(PAGES, signs_networks(KEPT))
write_signal(PAGES, attention_network(KEPT))
print(f"== written: {PAGES / 'lab'}")
