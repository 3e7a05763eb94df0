"""What a run writes about itself into OUTPUT_DIR: configuration, record of starts, statistics."""
