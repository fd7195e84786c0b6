"""Training: one loop, its samples, losses and run folder. Needs the extra [train]."""
