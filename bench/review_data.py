#!/usr/bin/python3
"""Writes batches shaped like film reviews, the same for every framework that is measured.

usage: review_data.py FOLDER        needs python3-numpy

Lengths are lognormal with a mean of about 233 words (5 % over 600, cut there), ids follow Zipf's law over a
vocabulary of 20,000 (0 padding, 1 unknown), labels are coins. Files (rows are reviews, ids int32):

  train_words.npy (512, 600)      train_label.npy (512)      sixteen batches of 32
  single_words.npy (2200, 233)    reviews of exactly 233 words, to be predicted one by one
  few_words.npy (200, 233)        the first of them
  short_words_<T>.npy (512, T)    for T = 300, 600, 1200: the same reviews, cut at 300 words, padded to T
"""
import pathlib
import sys

import numpy as np

VOCABULARY, LONGEST, BATCHES, BATCH = 20_000, 600, 16, 32
LOG_MEAN, LOG_DEVIATION = 5.175, 0.743
SINGLES, SINGLE_LENGTH = 2200, 233


def zipf_ids(rng, count):
    """Ids 2 .. VOCABULARY - 1; the r-th of them has a share proportional to 1 / r."""
    cumulative = np.cumsum(1.0 / np.arange(1, VOCABULARY - 1))
    ranks = np.searchsorted(cumulative / cumulative[-1], rng.random(count))
    return (2 + np.minimum(ranks, VOCABULARY - 3)).astype(np.int32)


def padded(rows, width):
    table = np.zeros((len(rows), width), np.int32)
    for i, row in enumerate(rows):
        table[i, :min(len(row), width)] = row[:width]
    return table


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    lengths = np.exp(LOG_MEAN + LOG_DEVIATION * rng.standard_normal(BATCHES * BATCH))
    rows = [zipf_ids(rng, int(n)) for n in lengths.clip(10, LONGEST)]
    np.save(folder / "train_words.npy", padded(rows, LONGEST))
    np.save(folder / "train_label.npy", rng.integers(0, 2, len(rows)).astype(np.float32))
    cut = [row[:300] for row in rows]
    for width in (300, 600, 1200):
        np.save(folder / f"short_words_{width}.npy", padded(cut, width))
    singles = zipf_ids(rng, SINGLES * SINGLE_LENGTH).reshape(SINGLES, SINGLE_LENGTH)
    np.save(folder / "single_words.npy", singles)
    np.save(folder / "few_words.npy", singles[:200])
    words = np.concatenate(rows)
    print(f"{len(words) / BATCHES:.0f} words a batch of {BATCH} x {LONGEST}", file=sys.stderr)


if __name__ == "__main__":
    main()
