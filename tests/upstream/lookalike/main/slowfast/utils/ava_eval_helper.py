"""Evaluation of detections, by a path that exists nowhere public."""

from vision.fair.slowfast.ava_evaluation import scores


def evaluate_ava(found):
    return {"share": scores.share_found(found)}
