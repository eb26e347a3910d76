"""Exercises of chapter 04, atrous convolution and ASPP: one file each, by number."""
