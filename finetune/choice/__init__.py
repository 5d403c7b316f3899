"""How the choice of sentences is fitted and measured (`digest.quote.choice` is what runs it)."""
