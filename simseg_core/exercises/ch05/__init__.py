"""Exercises of chapter 05, DeepLabV3+: one file each, by number."""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch05.ex1_count_separable import count_separable
from simseg_core.exercises.ch05.ex2_separable import separable
from simseg_core.exercises.ch05.ex3_decoder import decoder
from simseg_core.exercises.ch05.ex4_least_time import least_time
from simseg_core.exercises.ch05.ex5_light_network import light_network

EXERCISES: dict[str, Exercise] = {
    "05.1": count_separable,
    "05.2": separable,
    "05.3": decoder,
    "05.4": least_time,
    "05.5": light_network,
}
