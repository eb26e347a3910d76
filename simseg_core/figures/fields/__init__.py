"""Receptive fields as pictures.

`draw.py` draws them on the image, by phase and with their holes, `growth.py` operation
by operation; `facts.py` says in numbers and words what the pictures show.
"""
