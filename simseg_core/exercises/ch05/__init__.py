"""Exercises of chapter 05, DeepLabV3+: one file each, by number."""
