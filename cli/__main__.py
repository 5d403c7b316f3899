"""`python -m cli`: the command `digest`, for launchers that start modules."""

from cli.main import main

main(prog_name="digest")
