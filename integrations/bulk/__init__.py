"""More documents than one machine digests: Parquet or JSON lines in, Parquet out, on Ray Data.

The input is divided into portions of some hundred rows. Each has one file in the output, named by
where it stands and by a hash of what it says, written under another name and then renamed: it is
there as a whole or not at all. So whatever is killed, the same command goes on with the portions
that are missing, and in the end each row stands in the output exactly once.
"""
