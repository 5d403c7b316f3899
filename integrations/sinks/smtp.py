"""`smtp:ADDRESS`: the report by e-mail through any mail server (table `[smtp]`)."""

import smtplib
import ssl

from digest.errors import AccessError, ConfigError, SinkError, SinkUnavailable
from digest.protocols import Delivery
from digest.settings import Settings
from integrations.sinks import mail

TIMEOUT = 60.0  # seconds


class SmtpSink:
    """One recipient.

    SMTP cannot be asked what it has sent. After a crash between sending and marking the message
    goes out again under the same Message-ID, by which mail servers and readers know a copy.
    """

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self._to = mail.recipient(spec, argument)
        self._smtp = settings.smtp
        if not self._smtp.host:
            raise ConfigError(
                f"{spec!r} needs a mail server; write host, user and sender into the table [smtp] "
                "of digest.toml, and the password into DIGEST_SMTP__PASSWORD"
            )

    def find(self, key: str, name: str) -> Delivery | None:
        """None: a mail server does not tell."""
        del key, name
        return None

    def deliver(self, key: str, name: str, markdown: str, html: str) -> Delivery:
        """Send the report. Raises SinkError, SinkUnavailable, AccessError."""
        del name
        smtp = self._smtp
        message = mail.compose(smtp.sender or smtp.user, self._to, key, markdown, html)
        where = f"{smtp.host}:{smtp.port}"
        try:
            with self._connect() as server:
                if smtp.user:
                    server.login(smtp.user, smtp.password.get_secret_value())
                server.send_message(message)
        except smtplib.SMTPAuthenticationError as error:
            raise AccessError(
                f"{where} does not accept the password of {smtp.user}; set DIGEST_SMTP__PASSWORD "
                "(with two-step sign-in, to an app password)"
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refused(where, code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(where, error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise SinkError(f"{where}: {error}; set security in [smtp]") from error
        except ssl.SSLError as error:
            raise SinkError(
                f"{where} speaks no valid TLS ({error.reason}); set port and security in [smtp]"
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise SinkUnavailable(
                f"cannot send by {where} now ({type(error).__name__}); the report stays in the "
                "outbox, run `digest deliver` later"
            ) from error
        return Delivery(self._to, mail.message_id(key))

    def _connect(self) -> smtplib.SMTP:
        smtp = self._smtp
        context = ssl.create_default_context()
        if smtp.security == "tls":
            return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT, context=context)
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT)
        if smtp.security == "starttls":
            server.starttls(context=context)
        return server


def _refused(where: str, code: int, text: bytes | str) -> SinkError:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    kind = SinkUnavailable if 400 <= code < 500 else SinkError
    return kind(f"{where} did not take the report: {code} {said}; see `digest deliver --status`")
