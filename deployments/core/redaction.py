"""What must never be stored in plain: secret paths by name, secret tokens by shape.

Two independent nets. A *secret path* is known before anything is read: its content is never asked for and its
digest is kept only as a keyed HMAC. *Redaction* is the second net, for secrets inside ordinary files. Both are
on from the first day. Every expression here is bounded, so that a hostile file costs time linear in its size.
"""

import hashlib
import hmac
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from deployments.core.secret_commands import hide_in_commands
from deployments.core.secret_shapes import hide, redact_shapes

# Later patterns win; a leading "!" takes a path out again. Matching ignores case: better one path too many.
DEFAULT_SECRET_PATHS: tuple[str, ...] = (
    # accounts
    "/etc/shadow*",
    "/etc/gshadow*",
    "/etc/security/opasswd*",
    "/etc/master.passwd",
    "/var/lib/sss/secrets/**",
    "/etc/krb5.keytab",
    "*.keytab",
    # SSH and TLS private keys
    "/etc/ssh/ssh_host_*_key",
    "**/.ssh/id_*",
    "!**/.ssh/id_*.pub",
    "**/.ssh/identity",
    "id_rsa",
    "id_dsa",
    "id_ecdsa*",
    "id_ed25519*",
    "!id_*.pub",
    "*.key",
    "*.pem",
    "!/etc/ssl/certs/**",
    "!/usr/share/ca-certificates/**",
    "!/usr/local/share/ca-certificates/**",
    "!/etc/pki/ca-trust/**",
    "!cert*.pem",
    "!chain*.pem",
    "!fullchain*.pem",
    "!ca.pem",
    "!ca-*.pem",
    "!*.crt.pem",
    "*key.pem",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.ppk",
    "*.keystore",
    "/etc/ssl/private/**",
    "/etc/pki/tls/private/**",
    "/etc/letsencrypt/archive/**/privkey*",
    "/etc/letsencrypt/accounts/**",
    "**/.gnupg/**",
    "/etc/wireguard/**",
    "/etc/openvpn/**/*.key",
    "/etc/ipsec.secrets",
    "/etc/ipsec.d/private/**",
    "/etc/swanctl/private/**",
    # passwords, tokens and credentials of programs
    ".pgpass",
    ".netrc",
    "_netrc",
    ".my.cnf",
    ".mylogin.cnf",
    "/etc/mysql/debian.cnf",
    ".htpasswd",
    "*.htpasswd",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".vault-token",
    ".s3cfg",
    ".boto",
    ".env",
    ".env.*",
    "!.env.example",
    "!.env.sample",
    "*.password",
    "*.passwd",
    "*.passphrase",
    "*.secret",
    "*.secrets",
    "*.token",
    "password.txt",
    "passwords.txt",
    "secrets.y*ml",
    "secrets.json",
    "credentials",
    "credentials.*",
    "credential.*",
    "token",
    "/etc/sasldb2",
    "/etc/postfix/sasl_passwd*",
    "/etc/exim4/passwd.client",
    "/etc/ppp/chap-secrets",
    "/etc/ppp/pap-secrets",
    "/etc/NetworkManager/system-connections/**",
    "/etc/wpa_supplicant/*.conf",
    "/etc/cryptsetup-keys.d/**",
    # clouds, clusters, containers
    "**/.aws/credentials",
    "**/.aws/sso/**",
    "**/.config/gcloud/**",
    "**/.azure/**",
    "**/.docker/config.json",
    "**/.kube/config",
    "**/.kube/cache/**",
    "/etc/kubernetes/*.conf",
    "/etc/kubernetes/pki/**/*.key",
    "/etc/rancher/**/*.yaml",
    "/var/lib/kubelet/pki/**",
    "/var/lib/rancher/**/tls/**",
    "/run/secrets/**",
    "/var/run/secrets/**",
    "/etc/credstore/**",
    "/etc/credstore.encrypted/**",
)


@dataclass(frozen=True)
class Redacted:
    """`text` with every secret replaced by a visible placeholder; `count` of the replacements made."""

    text: str
    count: int


def is_secret_path(path: str, patterns: Iterable[str] = DEFAULT_SECRET_PATHS) -> bool:
    """Whether `path` (absolute, on a host) may only ever be compared by keyed HMAC.

    `*` and `?` stay within one name, `**` spans any number of directories, `[…]` is a set. A pattern without
    a slash matches the last name in any directory. The last pattern that matches decides, and one that begins
    with `!` says no; what comes after the defaults can therefore only narrow them by naming it.
    """
    return _is_secret(path, tuple(patterns))


@lru_cache(maxsize=65536)  # a fleet asks about the same paths on every host
def _is_secret(path: str, patterns: tuple[str, ...]) -> bool:
    normal = posixpath.normpath("/" + path.lstrip("/")).casefold()
    secret = False
    for pattern in patterns:
        exempt = pattern.startswith("!")
        if exempt == secret and _compiled(pattern.removeprefix("!")).fullmatch(normal):
            secret = not exempt
    return secret


def redact(text: str) -> Redacted:
    """Replace what looks like a secret: keys, passwords in assignments and URLs, tokens of known shape."""
    text, shapes = redact_shapes(text)
    text, commands = hide_in_commands(text, hide)
    return Redacted(text, shapes + commands)


def redact_command(text: str) -> Redacted:
    """The same for a line that a host shows of what runs or is to run there: cron, sudo, units, processes, containers.

    Give it whole command lines or `NAME=value` pairs, arguments joined as a shell would take them (`shlex.join`).
    Nothing that a host says of commands may be stored before it went through here.
    """
    return redact(text)


def keyed_hmac(key: bytes, data: bytes | str) -> str:
    """HMAC-SHA-256 in hex. Raises ValueError for a key of fewer than 16 bytes: it could be guessed."""
    return hmac.new(
        checked_key(key), data.encode() if isinstance(data, str) else data, hashlib.sha256
    ).hexdigest()


def checked_key(key: bytes) -> bytes:
    """The key itself. Raises ValueError where it is so short that it could be guessed."""
    if len(key) < 16:
        raise ValueError("the HMAC key must have at least 16 bytes")
    return key


def secret_digest(key: bytes, sha256: str) -> str:
    """The `hmac` attribute of a secret path, from the SHA-256 (hex) of its content.

    A host sends the SHA-256; we keep only this, so that a stolen database gives nothing to try passwords on.
    """
    return keyed_hmac(key, sha256.lower())


def secret_content_digest(key: bytes, content: bytes) -> str:
    """The same `hmac` attribute from the content itself, for what a definition wants."""
    return secret_digest(key, hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "/" not in pattern:
        pattern = "**/" + pattern
    if not pattern.startswith("/"):
        pattern = "/" + pattern
    return re.compile(_glob_to_regex(pattern.casefold()), re.DOTALL)


def _glob_to_regex(glob: str) -> str:
    out, at = [], 0
    while at < len(glob):
        if glob.startswith("/**/", at):
            out.append("/(?:[^/]+/)*")
            at += 4
        elif glob.startswith("**", at):
            out.append(".*")
            at += 2
        elif glob[at] == "*":
            out.append("[^/]*")
            at += 1
        elif glob[at] == "?":
            out.append("[^/]")
            at += 1
        elif glob[at] == "[" and (end := glob.find("]", at + 2)) > 0:
            body = glob[at + 1 : end]
            negated = body[0] in "!^"
            body = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
            out.append(f"(?!/)[{'^' if negated else ''}{body}]")
            at = end + 1
        else:
            out.append(re.escape(glob[at]))
            at += 1
    return "".join(out)
