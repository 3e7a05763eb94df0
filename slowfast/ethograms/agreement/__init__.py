"""How well predicted bouts and scores agree with the events of a person, or of two people.

grid       bouts become the frames that show a class
matching   predicted bouts are paired with a person's bouts
counts     what is counted in one video
figures    the figures of all videos, from the sums of the counts
intervals  how figures vary over other videos, and the comparison of two predictions
side       reads the events of a person, or a prediction with its scores
evaluation pairs the videos and classes of both
"""
