"""Training: base weights, learner, loop, several processes."""
