"""The only way out for mail: SMTP, one connection for a batch."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import Protocol

from pydantic import SecretStr

from core.database import require_no_transaction
from core.errors import RejectedOutside, Unavailable
from core.settings import Settings

TIMEOUT_S = 10.0
"""How long a mail server may be silent before we give up on it for now."""


class Transport(Protocol):
    """What sends a finished message. Used by one thread at a time."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message to the mail server, which has it when this returns.

        Raises:
            Unavailable: no server, no answer, or "try again later" (4xx).
            RejectedOutside: the server will not take this message (5xx).
        """

    def close(self) -> None:
        """End the connection, if there is one."""


class SmtpTransport:
    """A mail server reached by SMTP, with STARTTLS and a login where set."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str = "",
        password: SecretStr | None = None,
        starttls: bool = False,
        timeout_s: float = TIMEOUT_S,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password = username, password or SecretStr("")
        self._starttls = starttls
        self._timeout_s = timeout_s
        self._trusted = trusted
        self._connection: smtplib.SMTP | None = None

    @classmethod
    def of(cls, settings: Settings) -> "SmtpTransport":
        """The server that the settings name."""
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password,
            starttls=settings.smtp_starttls,
        )

    def send(self, message: EmailMessage) -> None:
        require_no_transaction("SMTP")
        try:
            self._connected().send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal([code for code, _ in error.recipients.values()]) from error
        except smtplib.SMTPNotSupportedError as error:
            raise RejectedOutside("the mail server lacks what the message needs") from error
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise _refusal([error.smtp_code]) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unavailable(f"mail server: {type(error).__name__}") from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()

    def _connected(self) -> smtplib.SMTP:
        if self._connection is None:
            connection = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
            try:
                if self._starttls:
                    # The certificate is checked; a server without STARTTLS is an error, never plain text.
                    connection.starttls(context=self._trusted or ssl.create_default_context())
                if self._username:
                    connection.login(self._username, self._password.get_secret_value())
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _refusal(codes: list[int]) -> Unavailable | RejectedOutside:
    if all(400 <= code < 500 for code in codes):
        return Unavailable(f"mail server: {codes}")
    return RejectedOutside(f"mail server: {codes}")
