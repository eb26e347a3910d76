"""What each kernel of torch does to a field, one function a kernel.

`registry.py` holds them by the kernel's name, with what they share; `windows.py` has
convolution, pooling, resizing; `mixing.py` reductions, norms, products; `views.py`
reshaping, slicing, joining; `patches.py` writing in place and cutting into patches;
`masks.py` constant masks.
"""
