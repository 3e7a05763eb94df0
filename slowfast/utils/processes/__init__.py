"""Processes that train together: how they start and end, by themselves or under torchrun."""
