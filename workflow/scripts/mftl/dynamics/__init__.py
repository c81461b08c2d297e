"""Molecular dynamics of many replicas at once, with any model, and when a trajectory counts as unstable.

``integrators`` are pure functions of a state and know nothing of replicas; ``forces`` evaluates a model on all
replicas together; ``simulation`` runs them, takes out those that failed, and resumes; ``starts`` chooses where they
begin and which bonds must hold.
"""
