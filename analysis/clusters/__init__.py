"""Groups of latents: the hierarchy, how stable it is, and what each cluster does."""
