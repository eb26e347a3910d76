"""Exercises of chapter 04, atrous convolution and ASPP: one file each, by number."""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch04.ex1_field_of_stack import field_of_stack
from simseg_core.exercises.ch04.ex2_convolve import convolve
from simseg_core.exercises.ch04.ex3_move_strides import move_strides
from simseg_core.exercises.ch04.ex4_pyramid import pyramid
from simseg_core.exercises.ch04.ex5_kernel_left import kernel_left
from simseg_core.exercises.ch04.ex6_dense_rates import dense_rates

EXERCISES: dict[str, Exercise] = {
    "04.1": field_of_stack,
    "04.2": convolve,
    "04.3": move_strides,
    "04.4": pyramid,
    "04.5": kernel_left,
    "04.6": dense_rates,
}
