"""The tools, one function each. `table` lists them in the order of a day's work."""
