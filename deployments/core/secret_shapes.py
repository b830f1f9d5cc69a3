"""The shapes that secrets have inside ordinary text, and their replacement by a placeholder.

Rules run from the most to the least specific. What a rule replaced no later rule touches again, so redacting
twice changes nothing. Where it is not sure, a rule redacts: a redacted file is shown with the placeholder and
is not folded, whereas a leaked secret can't be taken back. References such as `${DB_PASSWORD}` or
`{{ password }}` and plain words such as `yes` or `none` are not secrets.
"""

import base64
import binascii
import re
from collections.abc import Callable

PLACEHOLDER = "[redacted]"

_PEM_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9 ]{0,40} )?PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END (?:[A-Z0-9 ]{0,40} )?PRIVATE KEY(?: BLOCK)?-----")

# nginx's proxy_pass and its like name an upstream.
_PASS = r"(?<![a-z])(?<!proxy_)(?<!fastcgi_)(?<!uwsgi_)(?<!scgi_)(?<!grpc_)(?<!memcached_)(?:pass|pw)"
_SECRET_WORD = (
    rf"(?:pass[_-]?(?:words?|wd|phrases?|code)|passwd|pwd|{_PASS}|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|account[_-]?key|private[_-]?key|secret[_-]?key|shared[_-]?key|encryption[_-]?key|signing[_-]?key|master[_-]?key"
    r"|auth[_-]?key|authtoken|sas[_-]?key|credentials?|snmp[_-]?community|community[_-]?string|rootpw|bindpw|requirepass|masterauth|psk|_auth)"
)
# "db.password1" and "DB_PASSWORD" are keys, "password_file" and "PasswordAuthentication" are not.
# In sudoers, "NOPASSWD: ALL" and "(root) PASSWD: /bin/x" are tags.
_SUDO_TAG = (
    r"(?-i:NOPASSWD:|PASSWD:[ \t]{0,10}(?:ALL\b|[!/]|[A-Z]{3,12}:)|(?<=[)=,:] )PASSWD:|(?<=[)=,:])PASSWD:)"
)
_KEY_BODY = rf"[\w.-]{{0,80}}?{_SECRET_WORD}(?:[_-]?(?:data|value|base64|b64|\d{{1,3}}))?"
_KEY = rf"(?<![\w.-]){_KEY_BODY}"
_QUOTED = r"\"(?:[^\"\\\n]|\\.){1,4000}\"|'(?:[^'\\\n]|\\.){1,4000}'"
_ASSIGNMENT = re.compile(
    rf"(?P<before>(?!{_SUDO_TAG}){_KEY}[\"']?[ \t]{{0,40}}(?:=>|:=|\?=|==?|:)[ \t]{{0,40}})"
    # the last: a quote that is not closed on its line
    rf"(?P<value>{_QUOTED}|[^\s,;\"'<>&|]{{1,4000}}|[\"'][^\"'\n]{{1,4000}}(?=\n|\Z))",
    re.IGNORECASE,
)
_YAML_BLOCK = re.compile(
    rf"(?P<before>^(?P<indent>[ \t]{{0,60}})(?:- )?[\"']?{_KEY}[\"']?[ \t]{{0,10}}:[ \t]{{0,10}}[|>][+-]?[0-9]?[ \t]{{0,10}}\n)"
    r"(?P<value>(?:(?P=indent)[ \t]+[^\n]*(?:\n|\Z))+)",
    re.IGNORECASE | re.MULTILINE,
)
# The value on the next line, or a list of them.
_YAML_NEXT = re.compile(
    rf"(?P<before>^(?P<indent>[ \t]{{0,60}})(?:- )?[\"']?{_KEY}[\"']?[ \t]{{0,10}}:[ \t]{{0,10}}\n)"
    r"(?P<value>(?:(?P=indent)[ \t]{0,10}- [^\n:]{1,4000}(?:\n|\Z)){1,1000}|(?P=indent)[ \t]{1,10}[^\s:#-][^\n:]{0,4000}(?:\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)
_YAML_LIST = re.compile(
    r"(?P<before>(?<![\w.-])[\w.-]{0,80}?pass(?:words?|wds?|phrases?)[\"']?[ \t]{0,10}[:=][ \t]{0,10})(?P<value>\[[^\]\n]{2,4000}\])",
    re.IGNORECASE,
)
_JSON_AUTH = re.compile(r"(?P<before>\"auth\"[ \t]*:[ \t]*)(?P<value>\"[^\"\n]{1,4000}\")")
_SQL = re.compile(
    r"(?P<before>\b(?:identified[ \t]{1,10}(?:with[ \t]{1,10}\S{1,60}[ \t]{1,10})?(?:by|as)(?:[ \t]{1,10}password)?|password)"
    r"[ \t]{0,10}\(?[ \t]{0,10})(?P<value>'(?:[^'\\\n]|\\.){1,1000}')",
    re.IGNORECASE,
)
_XML = re.compile(rf"(?P<before><{_KEY}>)(?P<value>[^<\n]{{1,4000}})(?=</)", re.IGNORECASE)
_XML_PAIR = re.compile(
    rf"(?P<before>(?:key|name)=[\"']{_KEY}[\"'][ \t]{{1,10}}value=)(?P<value>{_QUOTED})", re.IGNORECASE
)
_FLAG = re.compile(
    rf"(?P<before>(?<![\w-])--?{_KEY_BODY}[ \t]{{1,10}})(?P<value>{_QUOTED}|[^\s\"'-][^\s\"']{{0,4000}})",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"(?P<before>^[ \t]{0,60}(?:requirepass|masterauth|bindpw|rootpw|r[ow]community6?|password|passwd|secret|psk|token)[ \t]{1,40})"
    r"(?P<value>[^\s\[=:][^\s]{0,4000})(?=[ \t]{0,40}(?:$|#))",
    re.IGNORECASE | re.MULTILINE,
)
_NETRC = re.compile(
    r"(?P<before>\blogin[ \t\n]{1,20}\S{1,200}[ \t\n]{1,20}password[ \t]{1,20})(?P<value>\S{1,4000})"
)
_URL = re.compile(
    r"(?P<before>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s/@:\"'<>]{0,200}:)(?P<value>[^\s/\"'<>]{1,1000})(?=@)",
    re.IGNORECASE,
)
# Nobody's name is so long: a token in the place of the user, as code hosts take it.
_URL_TOKEN = re.compile(r"(?P<before>\bhttps?://)(?P<value>[^\s/@:\"'<>]{16,1000})(?=@)", re.IGNORECASE)
_USER_FLAG = re.compile(
    r"(?P<before>(?<![\w-])(?:-u|--user|--proxy-user)[ \t=]{1,3}[\"']?[^\s:\"'=/]{1,100}:)(?P<value>(?!\d+(?![^\s\"']))[^\s\"':]{1,1000})"
)
_MYSQL_FLAG = re.compile(
    r"(?P<before>\b(?:mysql|mariadb)[a-z-]{0,20}(?:[ \t]{1,10}[^\s|;&]{1,200}){0,20}?[ \t]{1,10}-p)(?P<value>[^\s\"';|&]{3,1000})"
)
_AUTHORIZATION = re.compile(
    r"(?P<before>\bauthorization[\"']?[ \t]{0,10}[:= ][ \t]{0,10}[\"']?(?:bearer|basic|token|digest|apikey)[ \t]{1,10})"
    r"(?P<value>[^\s\"']{4,4000})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<before>\bbearer[ \t]{1,10})(?P<value>[\w.~+/=-]{16,4000})", re.IGNORECASE)
_CRYPT = re.compile(
    r"(?P<before>)(?P<value>\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5|apr1|argon2i?d?|scrypt|pbkdf2[\w-]{0,20})\$[./\w$=,+-]{16,400}"
    r"|\{(?:SSHA|SHA|SSHA256|SSHA512|CRYPT|SMD5|MD5)\}[\w./+=$-]{8,400})",
)
_TOKEN = re.compile(
    r"(?P<before>)(?<![\w-])(?P<value>"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}|gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w.-]{20,255}"
    r"|xox[abceoprs]-[\w-]{10,255}|xapp-[\w-]{10,255}|[sr]k_(?:live|test)_\w{16,255}|whsec_[\w+/=]{16,255}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,2000}|GOCSPX-[\w-]{20,64}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{32,500}|rubygems_[0-9a-f]{32,64}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,64}|hv[sbr]\.[\w-]{20,255}|do[por]_v1_[0-9a-f]{64}|dckr_pat_[\w-]{20,64}|shp(?:at|ca|pa|ss)_[0-9a-f]{32}"
    r"|sk-[\w-]{20,255}|fb_\w{20,255}|AGE-SECRET-KEY-1[0-9A-Z]{50,64}|dapi[0-9a-f]{32}|key-[0-9a-f]{32}|SK[0-9a-f]{32}"
    r"|eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{0,4000})",
)
_WEBHOOK = re.compile(
    r"(?P<before>https://(?:hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/))(?P<value>[\w/-]{8,400})"
)
_BASE64_RUN = re.compile(
    r"(?<![\w+/=])[A-Za-z0-9+/]{32,200000}={0,2}(?:\r?\n[ \t]{0,60}[A-Za-z0-9+/]{4,76}={0,2}){0,4000}"
)

_NOT_A_SECRET = re.compile(
    # references
    r"|\$\{[^}]*\}\S*|\$[A-Za-z_]\w*(?:/\S*)?|\$\(.*|%[({].*|\{\{.*|\{%.*|<[^>]*>"
    # where a secret is kept, not the secret
    r"|(?:file:)?/(?:etc|run|var|usr|srv|opt|home|root|mnt|path)/[\w./-]*"
    # nothing, or the beginning of something else
    r"|\*+|#.*|\\|\(|\{|\[|[|>][+-]?|yes|no|on|off|true|false|none|null|nil|~"
    # PAM's controls and the sources of nsswitch.conf
    r"|required|requisite|sufficient|optional|include|substack|files|compat|systemd|sss|db|nis|ldap|winbind",
    re.IGNORECASE | re.DOTALL,
)
_RULES = (
    _YAML_BLOCK,
    _YAML_NEXT,
    _YAML_LIST,
    _AUTHORIZATION,
    _BEARER,
    _URL,
    _URL_TOKEN,
    _USER_FLAG,
    _MYSQL_FLAG,
    _WEBHOOK,
    _SQL,
    _XML,
    _XML_PAIR,
    _JSON_AUTH,
    _ASSIGNMENT,
    _FLAG,
    _NETRC,
    _DIRECTIVE,
    _CRYPT,
    _TOKEN,
)


def redact_shapes(text: str) -> tuple[str, int]:
    """The text with its secrets replaced, and how many were."""
    text, count = _without_private_keys(text)
    for rule, replace in ((_BASE64_RUN, _hide_encoded_key), *((rule, hide) for rule in _RULES)):
        hidden = 0

        def substitute(match: re.Match[str], replace: _Replace = replace) -> str:
            nonlocal hidden
            new = replace(match)
            hidden += new is not None
            return match[0] if new is None else new

        text = rule.sub(substitute, text)
        count += hidden
    return text, count


_Replace = Callable[[re.Match[str]], str | None]


def hide(match: re.Match[str]) -> str | None:
    value = match["value"]
    quote = value[0] if value[0] in "\"'" and value[0] == value[-1] and len(value) > 1 else ""
    inner = value[1:-1] if quote else value
    if PLACEHOLDER in inner or _NOT_A_SECRET.fullmatch(inner.strip()):
        return None
    if "\n" in inner:  # a YAML block keeps its indentation, or the text would no longer parse
        indent = inner[: len(inner) - len(inner.lstrip())]
        return f"{match['before']}{indent}{PLACEHOLDER}" + "\n" * inner.endswith("\n")
    return f"{match['before']}{quote}{PLACEHOLDER}{quote}"


def _hide_encoded_key(match: re.Match[str]) -> str | None:
    """A private key in PEM that was encoded once more, as Kubernetes and cloud-init do."""
    if not match[0].startswith("LS0tLS1CRUdJTi"):
        return None
    try:
        head = base64.b64decode("".join(match[0].split())[:64])
    except binascii.Error:
        return PLACEHOLDER
    return PLACEHOLDER if b"PRIVATE" in head else None


def _without_private_keys(text: str) -> tuple[str, int]:
    """PEM blocks, by searching: one expression over a file full of BEGIN lines could take quadratic time."""
    pieces: list[str] = []
    at, count = 0, 0
    ends = iter(_PEM_END.finditer(text))
    end = next(ends, None)
    for begin in _PEM_BEGIN.finditer(text):
        if begin.start() < at:
            continue
        while end is not None and end.start() < begin.end():
            end = next(ends, None)
        pieces += (text[at : begin.start()], PLACEHOLDER)
        at = len(text) if end is None else end.end()  # without an end, the rest of the file is the key
        count += 1
    return "".join((*pieces, text[at:])), count
