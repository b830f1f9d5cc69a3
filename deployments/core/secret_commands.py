"""Secrets on command lines: what well-known programs take as an argument, or are sent on standard input.

A secret on a command line often has no name beside it, only a program that is known to take one: `mysql -pX`,
`sshpass -p X`, `curl -u user:X`. Each rule names its programs and looks only at the arguments of one command, up to
a pipe or a semicolon. A word in the wrong place is left alone rather than guessed at: `mkdir -p X`, `ssh -p 22`.
"""

import re
from collections.abc import Callable

Hide = Callable[[re.Match[str]], str | None]
"""What stands for a match (its groups `before` and `value`); None to leave it."""

# One shell word, whatever its parts are quoted with; a quote may be left open where a line was cut.
_WORD = (
    r"(?:\"(?:[^\"\\\n]|\\.){0,2000}+(?:\"|(?=\n|\Z))|'[^'\n]{0,2000}+(?:'|(?=\n|\Z))"
    r"|\\.|[^\s\"'\\|;&<>()]){1,2000}+"
)
_VALUE = rf"(?P<value>{_WORD})"
_REST = r"(?P<args>[ \t](?:\"(?:[^\"\\]|\\.){0,2000}+\"|'[^']{0,2000}+'|\\[\s\S]|[^|;&\n]){0,8000}+)"
_APART = r"[ \t=]{1,3}"
_MAYBE_APART = r"[ \t=]{0,3}"
_END = r"(?=[ \t]{0,20}(?:$|[|;&>#\"'`)]))"


def _flag(flag: str, gap: str = _MAYBE_APART, prefix: str = "") -> str:
    return rf"(?P<before>(?:(?<=\s)|(?<=[\"',\[]))(?:{flag}){gap}{prefix}){_VALUE}"


def _user(separator: str) -> str:
    return rf"[\"']?[^\s\"'=/{separator}-][^\s\"'=/{separator}]{{0,99}}{separator}"


_LOGIN = r"docker|podman|buildah|skopeo|nerdctl|oras|crane|az|oc|helm"
_LDAP = r"ldap(?:search|add|modify|delete|passwd|whoami|compare|modrdn|exop)"

# Programs, where among their arguments a secret is, and what they begin with where not every use has one.
_ARGUMENTS: tuple[tuple[str, ...], ...] = (
    (r"sshpass", _flag(r"-p")),
    (r"(?:mysql|mariadb)[a-z-]{0,20}|mytop|innobackupex|xtrabackup", _flag(r"-p", "")),
    (r"7z[arz]{0,2}|unrar|rar", _flag(r"-h?p", "")),
    (r"mongo(?:sh|dump|restore|export|import|stat|top|files)?|twine", _flag(r"-p")),
    (_LOGIN, _flag(r"-p", _APART), r"[^|;&\n]{0,60}[ \t]login[ \t]"),
    (r"user(?:add|mod)", _flag(r"-p", _APART)),
    (_LDAP, _flag(r"-[wsa]", _APART)),
    (_LDAP, _flag(r"-w", "")),
    (r"(?:redis|valkey|keydb)-(?:cli|benchmark)", _flag(r"-a", _APART)),
    (r"snmp[a-z]{2,12}", _flag(r"-[cAX]")),
    (r"ipmitool|ipmi-[a-z]{2,12}|sqlcmd|osql|tsql|bcp|isql|zip|unzip", _flag(r"-P", _APART)),
    (r"curl|wget|https?|xh|aria2c", _flag(r"-u|-U|--user|--proxy-user|-a|--auth", prefix=_user(":"))),
    (r"n?cat|socat|nc", _flag(r"--proxy-auth", _APART, prefix=_user(":"))),
    (r"lftp", _flag(r"-u", prefix=_user(","))),
    (
        r"smb(?:client|get|map)|rpcclient|winexe|wmic|samba-tool|net|realm",
        _flag(r"-U|--user(?:name)?", prefix=_user("%")),
    ),
    (r"xfreerdp3?|wlfreerdp3?|rdesktop", _flag(r"/p:|-p", "")),
    (r"openssl", _flag(r"-(?:passin|passout|pass|password)", _APART, prefix=r"[\"']?pass:")),
    (r"openssl", _flag(r"-[kK]", _APART), r"[ \t]+enc[ \t]"),
    (r"openssl", rf"(?P<before>[ \t](?!passwd[ \t]))(?P<value>(?!-){_WORD}){_END}", r"[ \t]+passwd[ \t]"),
    (r"kubectl|oc", _flag(r"--from-literal", prefix=r"[\"']?[^\s=\"']{1,100}=")),
    (r"htpasswd", rf"(?P<before>[ \t]){_VALUE}{_END}", r"[^|;&\n]{0,200}[ \t]-[A-Za-z0-9]{0,8}b"),
    (
        r"rabbitmqctl",
        rf"(?P<before>\b(?:add_user|change_password|authenticate_user)[ \t]+\S{{1,100}}[ \t]+){_VALUE}",
    ),
    (
        r"nmcli",
        rf"(?P<before>[ \t](?:[\w.-]{{0,40}}\.)?(?:psk|password|secrets?|wep-key\d?)[ \t]+){_VALUE}",
    ),
    (r"wpa_passphrase", rf"(?P<before>^[ \t]+{_WORD}[ \t]+){_VALUE}"),
    (
        r"mc",
        rf"(?P<before>[ \t]https?://\S{{1,200}}[ \t]+\S{{1,100}}[ \t]+){_VALUE}",
        r"[ \t]+(?:alias|config)[ \t]",
    ),
    (
        r"vault",
        rf"(?P<before>[ \t]login[ \t]+(?:-\S{{1,60}}[ \t]+){{0,5}})(?P<value>(?!-|\w+=){_WORD})",
        r"[ \t]+login[ \t]",
    ),
    (r"vault", rf"(?P<before>[ \t][\w.-]{{1,60}}=){_VALUE}", r"[ \t]+(?:kv|write)[ \t]"),
    (
        r"aws|git|gh|gcloud|npm|composer",
        rf"(?P<before>[ \t][\w./:-]{{0,100}}(?i:secret|token|password|_auth|access_key)\w{{0,10}}[ \t]+){_VALUE}",
        r"[ \t]+config",
    ),
    (r"rclone", rf"(?P<before>[ \t]obscure[ \t]+){_VALUE}"),
    (
        r"sqlplus|rman|expdp|impdp|sqlldr",
        r"(?P<before>[ \t][\"']?[\w$#]{1,60}/)(?P<value>[^\s\"'@/|;&]{1,200})(?=[@\"'\s]|$)",
    ),
)
# One search for all of them: most texts name no such program.
_ANY = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(sorted({entry[0] for entry in _ARGUMENTS}))})(?:\.exe)?(?=[ \t])"
)
_RULES = tuple(
    (
        re.compile(rf"(?:{programs})(?:\.exe)?"),
        re.compile(rf"(?<![\w.-])(?:{programs})(?:\.exe)?(?={''.join(when)}){_REST}"),
        re.compile(secret, re.MULTILINE),
    )
    for programs, secret, *when in _ARGUMENTS
)

_READERS = (
    r"(?:\bsudo[ \t]+(?:\S+[ \t]+){0,4}?-[A-Za-z]{0,6}S|\bchpasswd\b|\bpasswd\b|\bkinit\b|\bcryptsetup\b"
    r"|--password-stdin|--passphrase-fd|\bsmbpasswd\b|\bpdbedit\b|\badcli\b|\brealm[ \t]+join\b|\bwg[ \t]+(?:pubkey|set)\b)"
)
_SENT = (
    re.compile(
        r"(?P<before>\b(?:echo|printf)(?:[ \t]+-[neE]{1,3})?[ \t]+(?:[\"']%s(?:\\n)?[\"'][ \t]+)?)"
        rf"{_VALUE}(?=[ \t]{{0,10}}\|[ \t]{{0,10}}[^|;&\n]{{0,120}}?{_READERS})"
    ),
    re.compile(rf"(?P<before>{_READERS}[^|;&\n<]{{0,120}}<<<[ \t]{{0,5}}){_VALUE}"),
)


def hide_in_commands(text: str, hide: Hide) -> tuple[str, int]:
    """The text with the secrets of its command lines replaced, and how many were."""
    count = 0

    def substitute(match: re.Match[str]) -> str:
        nonlocal count
        new = hide(match)
        count += new is not None
        return match[0] if new is None else new

    named = {match[0] for match in _ANY.finditer(text)}
    for programs, command, secret in _RULES:
        if not any(programs.fullmatch(name) for name in named):
            continue

        def inside(match: re.Match[str], secret: re.Pattern[str] = secret) -> str:
            return match[0][: match.start("args") - match.start()] + secret.sub(substitute, match["args"])

        text = command.sub(inside, text)
    for clue, sent in zip(("|", "<<<"), _SENT, strict=True):
        text = sent.sub(substitute, text) if clue in text else text
    return text, count
