"""Which latents fire together: exact counts, and the measures that follow from them."""
