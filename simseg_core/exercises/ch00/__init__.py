"""Exercises of chapter 00, from pixels to a score: one file each, by number.

`labels.py` and `losses.py` are what several of them share.
"""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch00.ex1_cross_entropy import cross_entropy
from simseg_core.exercises.ch00.ex2_class_weights import class_weights
from simseg_core.exercises.ch00.ex3_soft_dice import soft_dice
from simseg_core.exercises.ch00.ex4_mean_iou import mean_iou
from simseg_core.exercises.ch00.ex5_flip_pair import flip_pair
from simseg_core.exercises.ch00.ex6_train_step import train_step

EXERCISES: dict[str, Exercise] = {
    "00.1": cross_entropy,
    "00.2": class_weights,
    "00.3": soft_dice,
    "00.4": mean_iou,
    "00.5": flip_pair,
    "00.6": train_step,
}
