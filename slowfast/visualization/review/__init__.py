"""The pages of a prediction, served to a browser on the same computer, which keeps corrections.

corrections  the files of corrections
pages        pages as they are served: with addresses, corrections, and what to review first
server       the server
"""
