"""What every room needs: checkpoints, logs, meters, learning rate, processes, command line."""
