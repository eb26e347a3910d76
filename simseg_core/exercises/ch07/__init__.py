"""Exercises of chapter 07, the U-Net's family: one file each, by number."""
