"""Front door: top-k figures, by upstream's module name."""

from slowfast.ak.metrics.top_k import topk_accuracies, topk_errors, topks_correct

__all__ = ["topk_accuracies", "topk_errors", "topks_correct"]
