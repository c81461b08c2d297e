"""What is computed from trajectories and from models: each module one observable."""
