"""Data sets of pytorchvideo."""

from pytorchvideo.transforms import Normalize

__all__ = ["Normalize"]
