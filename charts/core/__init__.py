"""Shared by all figures: the figure class, export, theme, text and measures."""
