"""From events to the segments of videos that become clips.

segment    the type, and its clips of equal length
media      the videos of a folder: finding them by the names in a table, and their properties
stretches  events that overlap become stretches of constant classes
holdout    the segments for validation, where a table has no splits
mistakes   one error for all mistakes
"""
