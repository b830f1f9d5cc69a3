"""One message handed to a mail server or a webhook: no database, no transaction, and an honest word on what became of it.

*Not delivered* is only what is certain: nothing was sent, or the other side said that it did not take it. Whatever
else goes wrong leaves it *uncertain*, and it is not sent again.
"""

import smtplib
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from changemgmt.core.notices import mail_body, one_line, slack_body
from changemgmt.models.notice import EMAIL
from common.outbound import NoAnswer, NotAllowed, NotReached, post_json

log = structlog.get_logger()
POST_SECONDS = 15.0  # for a webhook, in all
MAIL_SECONDS = 10  # for each word of the conversation with the mail server
SENT, AGAIN, FAILED, UNCERTAIN = "sent", "again", "failed", "uncertain"


@dataclass(frozen=True)
class Parcel:
    notice: UUID
    kind: str
    target: str
    title: str
    text: str
    link: str


@dataclass(frozen=True)
class Outcome:
    """`asked`: after how many seconds the other side wants it again."""

    what: str
    error: str = ""
    asked: int | None = None


def hand_over(parcel: Parcel) -> Outcome:
    """Send it once; never raises."""
    try:
        return _mail(parcel) if parcel.kind == EMAIL else _post(parcel)
    except Exception as error:  # what we did not think of may have happened after it was sent
        log.exception("a notice was lost sight of", notice=str(parcel.notice))
        return Outcome(UNCERTAIN, f"Foldback failed while sending it: {type(error).__name__}.")


def _url(parcel: Parcel) -> str:
    return f"{settings.PUBLIC_URL}{parcel.link}" if parcel.link else ""


def _post(parcel: Parcel) -> Outcome:
    body = slack_body(title=parcel.title, text=parcel.text, url=_url(parcel))
    try:
        answer = post_json(url=parcel.target, body=body, seconds=POST_SECONDS)
    except NotAllowed as error:
        return Outcome(FAILED, str(error))
    except NotReached as error:
        return Outcome(AGAIN, str(error))
    except NoAnswer as error:
        return Outcome(UNCERTAIN, str(error))
    if 200 <= answer.status < 300:
        return Outcome(SENT)
    said = one_line(answer.text, 100)
    told = f"The webhook answered {answer.status}{f': {said}' if said else ''}."
    if answer.status in (429, 503):  # these say that it was not taken
        return Outcome(AGAIN, told, answer.retry_after)
    if answer.status >= 500:  # these say that something broke, before or after it was taken
        return Outcome(UNCERTAIN, told)
    if answer.status < 400:
        told = f"{told} Foldback follows no redirect: enter the address that it leads to."
    return Outcome(FAILED, told)


def _mail(parcel: Parcel) -> Outcome:
    if not settings.EMAIL_HOST:
        return Outcome(FAILED, "No mail server is set up: EMAIL_URL is not set for the workers.")
    server = EmailBackend(timeout=MAIL_SECONDS)
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(AGAIN, f"The mail server can't be reached: {_said(error)}.")
    try:
        server.send_messages([_message(parcel)])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        code, text = _reply(error)
        said = f"The mail server answered {code}: {one_line(text, 150)}"
        return Outcome(AGAIN if 400 <= code < 500 else FAILED, said)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(UNCERTAIN, f"The connection to the mail server broke: {_said(error)}.")
    finally:
        with suppress(OSError, smtplib.SMTPException):  # what was said after it was taken changes nothing
            server.close()
    return Outcome(SENT)


def _message(parcel: Parcel) -> EmailMessage:
    home = urlsplit(settings.PUBLIC_URL).hostname or "foldback"
    return EmailMessage(
        subject=f"[Foldback] {parcel.title}",
        body=mail_body(text=parcel.text, url=_url(parcel), settings_url=f"{settings.PUBLIC_URL}/channels/"),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[parcel.target],
        headers={"Message-ID": f"<{parcel.notice}@{home}>", "Auto-Submitted": "auto-generated"},
    )


def _reply(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> tuple[int, str]:
    if isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        code, text = next(iter(error.recipients.values()), (550, b""))
    return code, text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return one_line("{}: {}".format(*_reply(error)), 150)
    return one_line(str(error), 150) or type(error).__name__
