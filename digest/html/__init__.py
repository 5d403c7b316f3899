"""HTML becomes blocks of text, and blocks become clean markdown."""
