"""Benchmarks: ratios to peers, measured side by side in one run (``make bench``).

Machines are noisy, so each figure is a ratio of two measurements that were taken one after the
other. The result is the median of nine such pairs.
"""
