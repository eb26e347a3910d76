"""Known faults of U-Nets; the keys of a row are explained in test_faults.py."""

FAULTS = [
    {
        "name": "crop offset of H used for W",
        "seen": "pytorch-semseg #231",
        "module": "simseg_core.models.unet",
        "old": "(height - h) // 2, (width - w) // 2",
        "new": "(height - h) // 2, (height - h) // 2",
        "caught_by": "tests/models/test_unet.py::test_crop_is_central_on_both_axes",
    },
]
