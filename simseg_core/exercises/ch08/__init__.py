"""Exercises of chapter 08, your own pictures: one file each, by number."""
