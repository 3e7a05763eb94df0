"""Features: what lies before the classifier of a network, for videos or for the clips of lists.

vectors  the function that gives features, and what they depend on
clips    features of the clips of a data set
videos   features of the windows of videos
"""
