"""Parts of vision transformers: attention with pooling, positions, blocks, reversible blocks."""
