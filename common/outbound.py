"""Requests to addresses that somebody typed in: sent to the public internet only, or to what an operator allowed by name.

Whoever may enter an address must not reach through us what only we can reach: this machine, its neighbours, the
metadata service of a cloud. So the name is resolved once, every address that it stands for is checked, and exactly
that address is connected to (the certificate is still checked against the name). A redirect is an answer, not an
order. No proxy of the environment is used: it would resolve the name anew.

It says what is known of the delivery: `NotReached`, nothing was sent, so it may be sent again; `NoAnswer`, something
was sent and nothing heard, so it may have arrived.
"""

import asyncio
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import certifi
import httpx
from django.conf import settings

MAX_URL = 2_000
SECONDS = 15.0  # for all of it, however slowly an answer drips
CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 3  # that one name is tried at
ANSWER_BYTES = 2_000  # more of an answer is not read
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?")
# Metadata of clouds that is not link-local: of Azure, Alibaba, Oracle and (IPv6) Amazon.
_INSIDE = frozenset(
    map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"))
)
# Set aside by the IANA, but not every Python that we run on knows it.
_SET_ASIDE = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


class OutboundError(Exception):
    """It did not work; the message says why, in words for whoever entered the address. It never holds the path."""


class NotAllowed(OutboundError):
    """Foldback won't connect there. Trying again does not help."""


class NotReached(OutboundError):
    """Nothing was sent: the name, the connection or the certificate failed."""


class NoAnswer(OutboundError):
    """Something was sent, and no whole answer came: it may have arrived."""


@dataclass(frozen=True)
class Target:
    url: httpx.URL
    host: str  # lower case, ASCII, without brackets
    port: int
    is_named: bool  # the operator allowed it by name


@dataclass(frozen=True)
class Answer:
    """`retry_after` in seconds, where the answer gives it so; `text` is the beginning of the body."""

    status: int
    retry_after: int | None
    text: str


def check_url(url: str, *, allowed: Collection[str] | None = None) -> Target:
    """What `url` names, as far as can be told without asking anybody. Raises NotAllowed.

    `allowed` are names (`chat.example.org`, `localhost:8065`) that may be reached by plain http, too, and that may
    stand for private and loopback addresses; by default `settings.OUTBOUND_ALLOWED`.
    """
    names = {name.lower() for name in (settings.OUTBOUND_ALLOWED if allowed is None else allowed)}
    if len(url) > MAX_URL:
        raise NotAllowed(f"An address has at most {MAX_URL:,} characters.")
    try:
        parsed = httpx.URL(url.strip())
        host = parsed.raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise NotAllowed("This is not an address: it has the form https://host/path.") from None
    if parsed.scheme not in ("https", "http") or not host:
        raise NotAllowed("This is not an address: it has the form https://host/path.")
    literal = _literal(host)
    if literal is None and not _NAME.fullmatch(host):
        raise NotAllowed("The name of the host in this address can't be one.")
    if parsed.userinfo or parsed.fragment:
        raise NotAllowed("An address with a user name, a password or a # can't be used.")
    port = parsed.port if parsed.port is not None else 443 if parsed.scheme == "https" else 80
    if not 1 <= port <= 65_535:
        raise NotAllowed(f"{port} is not a port: they go from 1 to 65535.")
    shown = f"[{host}]" if ":" in host else host
    is_named = bool(names & {shown, f"{shown}:{port}"})
    if parsed.scheme == "http" and not is_named:
        raise NotAllowed(
            "Only https is used: the address itself is a secret. An operator can allow a host by name."
        )
    if literal is not None and (why := why_not(literal, is_named=is_named)):
        raise NotAllowed(why)
    return Target(parsed, host, port, is_named)


def why_not(address: Address, *, is_named: bool = False) -> str | None:
    """Why `address` is not connected to, or None. A name that was allowed may stand for a private address or this
    machine, but never for a link-local one, where clouds keep their metadata."""
    inner = _inner(address)
    if inner.is_link_local or inner in _INSIDE or address.is_link_local or address in _INSIDE:
        return f"{address} is link-local or a cloud's metadata service: nothing is sent there."
    if inner.is_multicast or inner.is_unspecified or inner == ipaddress.ip_address("255.255.255.255"):
        return f"{address} is no address of one machine: nothing is sent there."
    if is_named or _is_public(inner):
        return None
    return (
        f"{address} is a private or local address, and nothing is sent there unless an operator allows the host by "
        "name (FOLDBACK_OUTBOUND_ALLOWED)."
    )


def post_json(
    *,
    url: str,
    body: Any,
    allowed: Collection[str] | None = None,
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """POST `body` as JSON, once, and return the answer, whatever its status. Raises NotAllowed, NotReached, NoAnswer.

    `resolve(name, port)` gives addresses as text and `context` says which certificates are trusted; both are for tests.
    Blocks for `seconds` at most, and as long as the resolver takes. Not for a transaction.
    """
    target = check_url(url, allowed=allowed)
    addresses = _addresses(target, resolve or _resolve)
    content = json.dumps(body, ensure_ascii=False).encode()
    return asyncio.run(_post(target, addresses, content, seconds, context or _trusted()))


async def _post(
    target: Target, addresses: Sequence[Address], content: bytes, seconds: float, context: ssl.SSLContext
) -> Answer:
    sending = _Sending()
    timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(
                verify=context, timeout=timeout, trust_env=False, follow_redirects=False
            ) as client,
        ):
            for address in addresses[:-1]:
                try:
                    return await _once(client, target, address, content, sending)
                except httpx.TransportError:
                    if sending.begun:
                        raise
            return await _once(client, target, addresses[-1], content, sending)
    except TimeoutError:
        said = f"there was no whole answer within {seconds:g} s"
    except httpx.TransportError as error:
        said = _said(error)
    if sending.begun:
        raise NoAnswer(f"{target.host} took the message, but {said}.")
    raise NotReached(f"{target.host} can't be reached: {said}.")


class _Sending:
    """Whether anything of the request has gone out."""

    begun = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.begun = True


async def _once(
    client: httpx.AsyncClient, target: Target, address: Address, content: bytes, sending: _Sending
) -> Answer:
    """To this address, under the target's name: for the certificate, and in the Host header."""
    request = client.build_request(
        "POST",
        target.url.copy_with(host=str(address)),
        content=content,
        headers={
            "Host": target.url.netloc.decode("ascii"),
            "Content-Type": "application/json; charset=utf-8",
            "Accept-Encoding": "identity",
            "User-Agent": "foldback",
        },
        extensions={"sni_hostname": target.host, "trace": sending.trace},
    )
    response = await client.send(request, stream=True)
    try:
        text = b""
        async for chunk in response.aiter_raw():
            text += chunk
            if len(text) >= ANSWER_BYTES:
                break
    except httpx.TransportError:
        pass  # the status says what became of it
    finally:
        await response.aclose()
    wait = response.headers.get("Retry-After", "")
    return Answer(
        status=response.status_code,
        retry_after=int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None,
        text=text[:ANSWER_BYTES].decode("utf-8", "replace"),
    )


def _said(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _addresses(target: Target, resolve: Resolve) -> list[Address]:
    """What the name stands for now. One address that is not allowed is enough to refuse: which one a client takes is
    not for a name server to choose."""
    literal = _literal(target.host)
    if literal is None:
        try:
            found = list(dict.fromkeys(resolve(target.host, target.port)))
        except (OSError, UnicodeError) as error:
            raise NotReached(f"The name {target.host} can't be resolved: {error}.") from None
        addresses = [ipaddress.ip_address(text) for text in found]
    else:
        addresses = [literal]
    if not addresses:
        raise NotReached(f"The name {target.host} stands for no address.")
    for address in addresses:
        if why := why_not(address, is_named=target.is_named):
            raise NotAllowed(f"{target.host} stands for {address}. {why}" if literal is None else why)
    return addresses[:MOST_ADDRESSES]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(address[0]) for *_, address in found]


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it is a way of writing one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    mapped = address.ipv4_mapped or address.sixtofour
    if mapped is None and address in _NAT64:
        mapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return False
    return address.is_global and not address.is_reserved and not any(address in one for one in _SET_ASIDE)


@cache
def _trusted() -> ssl.SSLContext:
    """What the machine trusts, and the public authorities, where the machine's own list is missing."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
