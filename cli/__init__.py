"""The command `digest`: thin verbs that wire the other packages together."""
