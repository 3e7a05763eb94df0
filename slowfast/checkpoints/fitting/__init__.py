"""Converts entries of a file whose shapes differ from those of a network, and reports what matched.

kernels    kernels of image networks for video networks, and the reverse
positions  positions of vision transformers for other numbers of frames and other crops
report     which entries of a file and of a network matched
"""
