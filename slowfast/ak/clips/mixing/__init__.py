"""Mixing the clips of a batch, with their labels: one file for each method.

mixup        mixup and cutmix; label smoothing
frame_stack  frames of two clips, more of the clip whose classes have a lower precision
"""
