"""Entries of a file that do not fit a network as they are: what is made of them, and the report.

kernels    kernels of image networks for video networks, and the reverse
positions  positions of vision transformers for other numbers of frames and other crops
report     which entries of a file and of a network matched
"""
