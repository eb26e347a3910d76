"""Assignments: what one is, what students get, and what teachers get."""
