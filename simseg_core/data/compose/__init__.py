"""The painter behind the composed data sets, apart from the pictures it paints.

`scenes.py` is what the data sets share (splits, sizes, seeds), `canvas.py` paints image
and label together, `scenery.py` computes the parts of a scene, `textures.py` and
`pictograms.py` read photographs and pictograms, `dice.py` is the chance in it.
"""
