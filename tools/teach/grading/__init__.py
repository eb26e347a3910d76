"""Grading a class: students' code in a sandbox, tests outside of it, and results."""
