"""Exercises of chapter 03, U-Net: one file each, by number."""
