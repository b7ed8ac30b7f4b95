"""Ratios to peers, measured side by side in one run: ``make bench``.

Machines are noisy, so no figure stands alone: each is a ratio of two measurements that were
taken one after the other, and what counts is the median of nine such pairs.
"""
