"""Evaluation of detections; it imports a path that is not public."""

from vision.fair.slowfast.ava_evaluation import scores


def evaluate_ava(found):
    return {"share": scores.share_found(found)}
