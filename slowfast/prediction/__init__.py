"""Prediction: a trained network scores new videos, and the scores become files.

videos   finds the videos, and reads their windows
model    the network of a checkpoint, as its own configuration says
classes  the names of its classes, and which of them had training clips
scoring  the network on the windows of many videos
options  how scores become bouts
store    what is kept of each video, so that a run can be stopped and go on
files    tables and summary of the predictions
stills   pictures of the bouts
copies   copies of videos that browsers play
pages    the pages of the predictions
exchange the bouts in the formats of other programs
job      what is predicted, checked before the first video is read
sharing  how processes and shards share the videos
outputs  all tables, pages and files of a prediction
run      a whole prediction
export   the network as a file that runs without this project
features what lies before the classifier, for videos and for lists of clips
"""
