"""Benchmarks against what a user would run instead; each file prints ratios."""
