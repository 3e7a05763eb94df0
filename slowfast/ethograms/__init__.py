"""Ethograms: the scores of a video over time, the bouts that follow from them, and time budgets."""
