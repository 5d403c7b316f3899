"""What a model can learn: one module a task, over the protocols of `base`."""
