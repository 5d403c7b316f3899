"""How mail and pages become clean markdown and items."""
