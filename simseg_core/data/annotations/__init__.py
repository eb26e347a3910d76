"""Annotations of other forms, made into a folder that `FolderDataset` reads.

`colours.py` reads masks in colours, `labelme.py` and `coco.py` the files of those
names; `shapes.py` fills what they outline, `writing.py` makes the new folder, and
`conversion.py` is the door to all.
"""
