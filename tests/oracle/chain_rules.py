"""Linear-chain conditional random fields in plain PyTorch operations.

A path y over the n valid steps of a row scores left[y_1] + sum score[t, y_t] + sum chain[y_t, y_t+1] +
right[y_n]. `check` compares what is computed step by step with a list of all paths.
"""
import itertools

import torch


class Field(dict):
    """What an output of a CRF was decided from: scores (B, T, C), chain (C, C), left (C), right (C); and the
    output itself: tags (B, T)."""

    def numpy(self):
        return self["tags"].numpy()


def field_of(p, prefix, scores, mask):
    sides = [p.get(f"{prefix}/{side}_boundary", scores.new_zeros(scores.shape[2])) for side in ("left", "right")]
    field = Field(scores=scores, chain=p[prefix + "/chain_kernel"], left=sides[0], right=sides[1])
    field["tags"] = decided(field, mask)
    return field


def valid_scores(field, mask, row):
    scores = field["scores"][row]
    return scores if mask is None else scores[mask[row]]


def path_score(field, scores, path):
    total = field["left"][path[0]] + field["right"][path[-1]]
    total = total + sum(scores[t, c] for t, c in enumerate(path))
    return total + sum(field["chain"][a, b] for a, b in zip(path[:-1], path[1:]))


def log_sum(field, scores):
    """log of the sum over all paths of exp(score): forward in log space."""
    alpha = field["left"] + scores[0]
    for t in range(1, len(scores)):
        alpha = torch.logsumexp(alpha[:, None] + field["chain"], dim=0) + scores[t]
    return torch.logsumexp(alpha + field["right"], dim=0)


def best_path(field, scores):
    delta, before = field["left"] + scores[0], []
    for t in range(1, len(scores)):
        ways = delta[:, None] + field["chain"]
        before.append(ways.argmax(dim=0))
        delta = ways.max(dim=0).values + scores[t]
    path = [int((delta + field["right"]).argmax())]
    for pointers in reversed(before):
        path.insert(0, int(pointers[path[0]]))
    return path


def decided(field, mask):
    """(B, T) int32: the best path over the valid steps, 0 at masked ones."""
    shape = field["scores"].shape[:2]
    tags = torch.zeros(shape, dtype=torch.int32)
    with torch.no_grad():
        for row in range(shape[0]):
            valid = torch.ones(shape[1], dtype=torch.bool) if mask is None else mask[row]
            if valid.any():
                path = best_path(field, valid_scores(field, mask, row))
                tags[row, valid] = torch.tensor(path, dtype=torch.int32)
    return tags


def nll(field, target, mask):
    """Mean over the rows; a row without a valid step counts 0."""
    losses = []
    for row in range(len(target)):
        scores = valid_scores(field, mask, row)
        path = target[row] if mask is None else target[row][mask[row]]
        losses.append(log_sum(field, scores) - path_score(field, scores, path.tolist())
                      if len(scores) else scores.sum() * 0)
    return torch.stack(losses).mean()


def check():
    torch.manual_seed(5)
    for steps, classes in ((1, 3), (2, 4), (5, 3), (4, 2), (6, 3)):
        field = Field(scores=torch.randn(1, steps, classes, dtype=torch.float64) * 2,
                      chain=torch.randn(classes, classes, dtype=torch.float64),
                      left=torch.randn(classes, dtype=torch.float64), right=torch.randn(classes, dtype=torch.float64))
        scores = field["scores"][0]
        paths = list(itertools.product(range(classes), repeat=steps))
        every = torch.stack([path_score(field, scores, list(path)) for path in paths])
        assert abs(torch.logsumexp(every, dim=0) - log_sum(field, scores)) < 1e-12
        assert list(paths[int(every.argmax())]) == best_path(field, scores)
