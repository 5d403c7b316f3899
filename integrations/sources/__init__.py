"""Where text comes from: mail, feeds, pages, posts and folders."""
