"""The examination: answers to labelled rows, measured, compared and shown."""
