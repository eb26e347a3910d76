"""Exercises of chapter 06, FC-HarDNet: one file each, by number.

`mistakes.py` is one that several of them know.
"""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch06.ex1_name_links import name_links
from simseg_core.exercises.ch06.ex2_width_of import width_of
from simseg_core.exercises.ch06.ex3_build_block import build_block
from simseg_core.exercises.ch06.ex4_traffic import traffic
from simseg_core.exercises.ch06.ex5_wiring import wiring

EXERCISES: dict[str, Exercise] = {
    "06.1": name_links,
    "06.2": width_of,
    "06.3": build_block,
    "06.4": traffic,
    "06.5": wiring,
}
