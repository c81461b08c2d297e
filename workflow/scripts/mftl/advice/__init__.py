"""Which labels to buy, how many, with which way of training, and how sure that is: a pilot, and what follows from it."""
