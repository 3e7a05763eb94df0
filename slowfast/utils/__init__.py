"""What several rooms need: logs, processes, launching, timing, files, the command line."""
