"""TensorBoard curves and pictures."""
