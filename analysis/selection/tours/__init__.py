"""Saved views of a bundle with what they show, each with a test that can fail."""
