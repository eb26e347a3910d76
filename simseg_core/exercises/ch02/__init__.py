"""Exercises of chapter 02, CBAM: one file each, by number."""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch02.ex1_weights import weights
from simseg_core.exercises.ch02.ex2_channel_gate import channel_gate
from simseg_core.exercises.ch02.ex3_spatial_gate import spatial_gate
from simseg_core.exercises.ch02.ex4_shares_its_mlp import shares_its_mlp
from simseg_core.exercises.ch02.ex5_narrow_gate import narrow_gate

EXERCISES: dict[str, Exercise] = {
    "02.1": weights,
    "02.2": channel_gate,
    "02.3": spatial_gate,
    "02.4": shares_its_mlp,
    "02.5": narrow_gate,
}
