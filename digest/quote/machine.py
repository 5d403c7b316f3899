"""Text that addresses a machine that reads along: an assistant, a model, a summariser.

Such sentences are left out of a digest and counted. News about models, assistants and such attacks
is no address: a command to the reader, or a role that a conversation gives, is what tells them apart.
"""

import re


def addressed_to_machine(words: str) -> bool:
    """Whether `words` speak to a machine that reads them."""
    return False
