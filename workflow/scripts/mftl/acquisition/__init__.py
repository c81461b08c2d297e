"""Which structures to label next: an order of a pool, from what a model sees in them, and what comes back."""
