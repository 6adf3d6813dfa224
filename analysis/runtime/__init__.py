"""What every step needs and none is about: errors, threads, workers, the working folder."""
