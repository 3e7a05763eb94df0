"""The videos of a prediction: which they are, their frames and times, and their windows.

inputs   finds the videos that the command line names
source   the frames and times of a video, or of a folder of images
stream   windows of a video, cut from frames that are decoded and scaled once
reading  the windows of a video as a configuration asks for them
"""
