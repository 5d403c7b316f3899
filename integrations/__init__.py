"""The outside world: sources that text comes from, sinks that reports go to."""
