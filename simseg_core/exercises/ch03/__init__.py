"""Exercises of chapter 03, U-Net: one file each, by number."""

from simseg_core.exercises.bench.steps import Exercise
from simseg_core.exercises.ch03.ex1_output_size import output_size
from simseg_core.exercises.ch03.ex2_crop import crop
from simseg_core.exercises.ch03.ex3_up_step import up_step
from simseg_core.exercises.ch03.ex4_residual_block import residual_block
from simseg_core.exercises.ch03.ex5_fields_of_phases import fields_of_phases
from simseg_core.exercises.ch03.ex6_lean_unet import lean_unet

EXERCISES: dict[str, Exercise] = {
    "03.1": output_size,
    "03.2": crop,
    "03.3": up_step,
    "03.4": residual_block,
    "03.5": fields_of_phases,
    "03.6": lean_unet,
}
