"""What every room uses: errors, progress, numbers, threads, workers, the working folder."""
