"""Exercises of chapter 01, self-attention: one file each, by number.

`mistakes.py` are those that several of them know.
"""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch01.ex1_list_positions import list_positions
from simseg_core.exercises.ch01.ex2_attend import attend
from simseg_core.exercises.ch01.ex3_self_attention import self_attention
from simseg_core.exercises.ch01.ex4_map_bytes import map_bytes
from simseg_core.exercises.ch01.ex5_attend_in_chunks import attend_in_chunks

EXERCISES: dict[str, Exercise] = {
    "01.1": list_positions,
    "01.2": attend,
    "01.3": self_attention,
    "01.4": map_bytes,
    "01.5": attend_in_chunks,
}
