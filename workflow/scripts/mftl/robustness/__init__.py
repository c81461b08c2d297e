"""Whether models hold beyond their test set: what is asked of them, verdicts, and a page."""
