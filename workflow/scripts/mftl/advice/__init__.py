"""Which labels to buy, how many, which way to train, and how sure that is: a pilot, and what follows from it."""
