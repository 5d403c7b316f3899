"""Where reports go: Google Drive, Gmail, a mail server."""
