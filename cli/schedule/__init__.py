"""The group of verbs below `digest schedule`."""
