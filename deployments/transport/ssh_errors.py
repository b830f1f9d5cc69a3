"""What asyncssh and the system raise, as failures with a stable code."""

import errno
import socket

import asyncssh

from deployments.collector import reasons
from deployments.transport.base import TransportFailure

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def as_failure(error: BaseException, *, output: bytes = b"") -> TransportFailure:
    """The failure that an exception stands for. Its text may come from the host and is made printable."""
    match error:
        case TransportFailure():
            return error
        case TimeoutError(errno=errno.ETIMEDOUT):  # the kernel's: see ssh._notice_loss
            code, detail = reasons.CONNECTION_LOST, "the host stopped answering"
        case TimeoutError():
            code, detail = reasons.TIMED_OUT, ""
        case ConnectionRefusedError():
            code, detail = reasons.REFUSED, ""
        case socket.gaierror():
            code, detail = reasons.UNREACHABLE, f"name not resolved: {error.strerror}"
        case asyncssh.HostKeyNotVerifiable():
            revoked = "revoked" in error.reason
            code, detail = reasons.HOST_KEY_REVOKED if revoked else reasons.HOST_KEY_CHANGED, ""
        case asyncssh.PermissionDenied():
            code, detail = reasons.AUTHENTICATION, error.reason
        case asyncssh.ConnectionLost():
            code, detail = reasons.CONNECTION_LOST, ""
        case asyncssh.ChannelOpenError():
            code, detail = reasons.COMMAND_REFUSED, error.reason
        case asyncssh.DisconnectError():
            code, detail = reasons.PROTOCOL, error.reason
        case ConnectionError():
            code, detail = reasons.CONNECTION_LOST, error.strerror or ""
        case OSError() if error.errno in _UNREACHABLE:
            code, detail = reasons.UNREACHABLE, error.strerror or ""
        case OSError():
            code, detail = reasons.UNREACHABLE, error.strerror or type(error).__name__
        case _:
            code, detail = reasons.PROTOCOL, str(error)
    return TransportFailure(code, detail, output=output)
