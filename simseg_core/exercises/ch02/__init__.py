"""Exercises of chapter 02, CBAM: one file each, by number."""
