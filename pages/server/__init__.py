"""What each server process serves beside the pages: health, and the warm-up at its start."""
