"""Where latents and clusters fire, by the values of the documents: language, genre, class."""
