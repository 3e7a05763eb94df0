"""What every room needs: checkpoints, logs, meters, the learning rate, processes, the command line."""
