"""The core: what a digest is, and how text becomes one."""

__version__ = "0.1.0"
