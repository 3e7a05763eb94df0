"""What ties slowfast.ak to an upstream SlowFast checkout."""
