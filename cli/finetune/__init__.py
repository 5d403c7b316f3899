"""The group of verbs below `digest finetune`."""
