"""Which latents fire together: counts, measures and what they mean."""
