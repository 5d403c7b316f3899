"""Starts the server of the installed package; the bundle itself holds no code of Digest."""

import sys

from cli.main import main

main(["serve", *sys.argv[1:]])
