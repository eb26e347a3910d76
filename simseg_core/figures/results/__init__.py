"""What came of it, as a picture.

`scenes.py`: samples, and predictions beside labels; `confusion.py`: which classes are
taken for which; `training.py`: losses, scores of
several seeds; `timing.py` and `device_times.py`: times with their spread, rooflines,
devices; `cost.py`: each stage's share of weights, work and traffic.
"""
