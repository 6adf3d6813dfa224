"""What the pages share: one file, one job."""
