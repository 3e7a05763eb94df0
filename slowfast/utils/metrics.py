"""Front door: top-k metrics, at upstream's path."""

from slowfast.ak.metrics.top_k import topk_accuracies, topk_errors, topks_correct

__all__ = ["topk_accuracies", "topk_errors", "topks_correct"]
