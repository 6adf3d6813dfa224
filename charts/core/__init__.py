"""What all figures share: the figure itself, export, theme, text and measures."""
