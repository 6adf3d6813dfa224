"""Shared by every package: errors, progress, numbers, threads, workers, the working folder."""
