"""Top-k accuracy."""


def topks_correct(preds, labels, ks):
    ranked = preds.argsort(dim=1, descending=True)
    return [(ranked[:, :k] == labels[:, None]).sum().float() for k in ks]


def topk_errors(preds, labels, ks):
    return [100.0 * (1.0 - hits / len(labels)) for hits in topks_correct(preds, labels, ks)]
