"""Figures: each module draws one kind from a tidy table."""
