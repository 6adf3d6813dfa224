"""Exports and heavy queries in processes of their own: a queue, a time limit, a cap per user."""
