"""Layers that the networks share: residual blocks, stems, heads, their initial weights."""
