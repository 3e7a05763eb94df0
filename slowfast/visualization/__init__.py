"""What a run looks like to a person: pages, and what TensorBoard shows."""
