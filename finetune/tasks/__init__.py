"""What a model can learn: a module a task, over the protocols of `base`, opened by `registry`."""
