"""Everything Digest raises on purpose.

    DigestError
    ├── ConfigError (ValueError)          a wrong key, SPEC, option or file        exit 2
    ├── SourceError (OSError)             a source could not be read
    │   ├── SourceUnavailable             ... now; it may be there later           exit 75
    │   │   └── SourceWaits               ... before a time that its server named  exit 75
    │   └── AccessError (also SinkError)  the user must sign in or grant something exit 2
    ├── Unreadable (ValueError)           one document is beyond reading: a recorded skip
    ├── EngineError (RuntimeError)        the engine cannot do what was asked
    │   ├── EngineUnavailable             no model, no server, no package          exit 75
    │   └── InvalidAnswer (ValueError)    the model's answer breaks the contract
    ├── WeightsError (OSError)            model weights missing, or of the wrong hash
    ├── LedgerError (RuntimeError)        the ledger is damaged or of a later version
    │   └── LedgerLocked                  another run is writing                   exit 75
    └── SinkError (OSError)               a report could not be delivered
        └── SinkUnavailable               ... now; it stays in the outbox          exit 75

Each class is also a standard-library type, so callers need not know this module. A message is
one sentence that names the cause and, where there is one, the command that mends it.
"""


class DigestError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(DigestError, ValueError):
    """A wrong key, SPEC, option or file in the configuration or on the command line."""

    exit_code = 2


class SourceError(DigestError, OSError):
    """A source could not be read."""


class SourceUnavailable(SourceError):
    """A source could not be read now; it may be there later."""

    exit_code = 75


class SourceWaits(SourceUnavailable):
    """A source's server asked not to be asked before some time; the source's cursor knows it."""


class Unreadable(DigestError, ValueError):
    """One document is beyond reading. The pipeline records it as a skip and goes on."""


class EngineError(DigestError, RuntimeError):
    """An engine cannot do what was asked of it."""


class EngineUnavailable(EngineError):
    """No model, no server, or no package to run it with."""

    exit_code = 75


class InvalidAnswer(EngineError, ValueError):
    """A model's answer is not JSON, was cut, or breaks the digest contract."""


class WeightsError(DigestError, OSError):
    """Model weights are missing, or their hash is not the expected one."""


class LedgerError(DigestError, RuntimeError):
    """The ledger is damaged, or was written by a later version of Digest."""


class LedgerLocked(LedgerError):
    """Another run is writing to the ledger."""

    exit_code = 75


class SinkError(DigestError, OSError):
    """A report could not be delivered."""


class SinkUnavailable(SinkError):
    """A report could not be delivered now; it stays in the outbox."""

    exit_code = 75


class AccessError(SourceError, SinkError):
    """A service lets Digest in only after the user has signed in or granted something."""

    exit_code = 2
