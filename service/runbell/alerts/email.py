"""Alerts by mail, over SMTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

from runbell.alerts.alerting import Alerting, alert_sensor
from runbell.alerts.cutting import cut, one_line
from runbell.alerts.refusals import NotifyError
from runbell.alerts.summary import Summary
from runbell.core.arguments import Arguments
from runbell.core.rehearsal import kept_back
from runbell.core.sensors import Sensor

if TYPE_CHECKING:
    from email.message import EmailMessage

NAME = "email_on_run_failure"
HOST = "smtp.gmail.com"
PORTS = {"SSL": 465, "STARTTLS": 587, "PLAIN": 25}
TIMEOUT_SECONDS = 30.0
MOST_SUBJECT, MOST_BODY = 200, 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Mail to some addresses."""

    sender: Any
    password: Any = field(repr=False)
    to: Sequence[Any]
    body_fn: Callable[[Any], str] | None
    subject_fn: Callable[[Any], str] | None
    host: Any
    kind: str
    port: int
    user: Any

    @property
    def wanted(self) -> Mapping[str, Any]:
        wanted = {"email_from": self.sender, "smtp_host": self.host, "smtp_user": self.user}
        wanted |= {f"email_to[{place}]": address for place, address in enumerate(self.to)}
        # A server that takes mail from its own network asks nobody who he is.
        return wanted if self.kind == "PLAIN" and not self.password else {**wanted, "email_password": self.password}

    def send(self, context: Any, summary: Summary, texts: Mapping[str, str]) -> None:
        """See `Channel.send`."""
        from email.message import EmailMessage
        from email.utils import localtime

        to = [text for argument, text in texts.items() if argument.startswith("email_to[")]
        subject = one_line(self.subject_fn(context) if self.subject_fn else summary.title, MOST_SUBJECT)
        body = self.body_fn(context) if self.body_fn else _body(summary)
        if kept_back("mail", body, subject):
            return
        message = EmailMessage()
        message["From"] = texts["email_from"]
        message["To"] = ", ".join(to)
        message["Subject"] = subject
        # A server need not add one, and mail without is taken for spam.
        message["Date"] = localtime()
        # The same for each try: who gets it twice after all can tell.
        message["Message-ID"] = f"<{context.idempotency_key.rpartition('.')[2]}@runbell>"
        message.set_content(cut(body, MOST_BODY) + _link(summary.url), subtype="html")
        refused = self._deliver(message, texts)
        if refused:
            context.log.warning("mail was not taken for %s", ", ".join(sorted(refused)))

    def _deliver(self, message: "EmailMessage", texts: Mapping[str, str]) -> Mapping[str, Any]:
        """Sends it; gives the addresses that were refused, if some but not all were."""
        import smtplib
        import ssl

        tls = ssl.create_default_context()
        try:
            if self.kind == "SSL":
                host = texts["smtp_host"]
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, self.port, timeout=TIMEOUT_SECONDS, context=tls)
            else:
                server = smtplib.SMTP(texts["smtp_host"], self.port, timeout=TIMEOUT_SECONDS)
            with server:
                if self.kind == "STARTTLS":
                    server.starttls(context=tls)
                if "email_password" in texts:
                    server.login(texts["smtp_user"], texts["email_password"])
                return server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise NotifyError(f"the mail server does not take it: {type(error).__name__}: {error}") from None


class Mailing(Alerting, total=False):
    """What a sensor that sends mail takes by name.

    Attributes:
        smtp_user: who logs in; else the sender.
    """

    smtp_user: Any


def make_email_on_run_failure_sensor(
    email_from: Any,
    email_password: Any,
    email_to: Any,
    email_body_fn: Callable[[Any], str] | None = None,
    email_subject_fn: Callable[[Any], str] | None = None,
    smtp_host: Any = HOST,
    smtp_type: str = "SSL",
    smtp_port: int | None = None,
    **mailing: Unpack[Mailing],
) -> Sensor:
    """A sensor that sends mail of each failed run.

    Args:
        email_from: the sender's address.
        email_password: what it logs in with; best an EnvVar or a SecretFile. None with `smtp_type="PLAIN"` does not
            log in.
        email_to: addresses, or one.
        email_body_fn: gives the body, in HTML, for a context; else job, partition, step, error and duration.
        email_subject_fn: gives the subject for a context.
        smtp_host: the mail server.
        smtp_type: SSL, STARTTLS, or PLAIN for a server of one's own network.
        smtp_port: else 465, 587 or 25.
        mailing: see `Mailing` and `Alerting`.

    Raises:
        DefinitionError: a mistake in the arguments.

    Example:
        >>> from runbell.alerts import EnvVar
        >>> alert = make_email_on_run_failure_sensor("runs@example.com", EnvVar("PASSWORD"), ["ops@example.com"])
        >>> alert.name
        'email_on_run_failure'
    """
    several = isinstance(email_to, Sequence) and not isinstance(email_to, str)
    given = {"email_to": email_to, "smtp_type": smtp_type, "smtp_port": smtp_port}
    _refuse_wrong(Arguments(mailing.get("name") or NAME, given))
    told = Email(
        sender=email_from,
        password=email_password,
        to=tuple(email_to) if several else (email_to,),
        body_fn=email_body_fn,
        subject_fn=email_subject_fn,
        host=smtp_host,
        kind=smtp_type,
        port=smtp_port or PORTS[smtp_type],
        user=mailing.pop("smtp_user", None) or email_from,
    )
    return alert_sensor(NAME, "Sends mail of failed runs.", told, mailing)


def _refuse_wrong(arguments: Arguments) -> None:
    if arguments.given["smtp_type"] not in PORTS:
        raise arguments.wrong("smtp_type", f"is none of {', '.join(PORTS)}: give one of them")
    port = arguments.given["smtp_port"]
    if port is not None and not (type(port) is int and 0 < port < 65_536):
        raise arguments.wrong("smtp_port", "is no port: give a whole number from 1 to 65535, or leave it out")
    if arguments.given["email_to"] in ([], ()):
        raise arguments.wrong("email_to", "is empty: give at least one address")


def _body(summary: Summary) -> str:
    from html import escape

    rows = "".join(
        f"<tr><th align=left valign=top>{escape(label)}</th><td><pre>{escape(value)}</pre></td></tr>"
        for label, value in summary.facts
    )
    return f"<h3>{escape(summary.title)}</h3><table>{rows}</table>"


def _link(url: str | None) -> str:
    from html import escape

    return f'<p><a href="{escape(url)}">View the run</a></p>' if url else ""
