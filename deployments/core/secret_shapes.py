"""The shapes that secrets have inside ordinary text, and their replacement by a placeholder.

Rules run from the most to the least specific. What a rule replaced no later rule touches again, so redacting
twice changes nothing. Where it is not sure, a rule redacts: a redacted file is shown with the placeholder and
is not folded, whereas a leaked secret can't be taken back. References such as `${DB_PASSWORD}` or
`{{ password }}` and plain words such as `yes` or `none` are not secrets.
"""

import re

from deployments.core.secret_tokens import PLACEHOLDER, TOKEN_RULES, without_encoded, without_private_keys

__all__ = ["PLACEHOLDER", "hide", "redact_shapes"]

# nginx's proxy_pass and its like name an upstream; OpenVPN's auth-user-pass a file.
_PASS = r"(?<![a-z])(?<!proxy_)(?<!fastcgi_)(?<!uwsgi_)(?<!scgi_)(?<!grpc_)(?<!memcached_)(?<!auth-user-)(?:pass|pw)"
_WORD = (
    rf"(?:(?<!challenge)pass[_-]?(?:words?|wd|phrases?|code)|passwd|pwd|{_PASS}|secret|token|authtok|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|(?:account|private|secret|shared|encryption|signing|master|auth|subscription|functions|app|license|pre[_-]?shared)[_-]?key"
    # systemd names a credential there, and does not say it
    r"|authtoken|sas[_-]?key|(?<!load)(?<!import)(?<!set-)(?<!initiate.)credentials?|(?:auth|logged_in|nonce)_(?:key|salt)|secret[_-]?key[_-]?base"
    r"|snmp[_-]?community|community[_-]?string|rootpw|bindpw|requirepass|masterauth|auth_pass|psk|_auth|crypt[_-]?key|private-key)"
)
# "db.password1" and "DB_PASSWORD" are keys, "password_file" and "PasswordAuthentication" are not.
_NAME = rf"{_WORD}(?:[_-]?(?:data|value|base64|b64|plain|\d{{1,3}}))?"
_KEY = rf"(?<![\w.-])[\w.-]{{0,80}}?{_NAME}"
# In sudoers, "NOPASSWD: ALL" and "(root) PASSWD: /bin/x" are tags.
_SUDO_TAG = r"(?-i:(?<=NO)PASSWD:|PASSWD:[ \t]{0,10}(?:ALL\b|[!/]|[A-Z]{3,12}:)|(?<=[)=,:] )PASSWD:|(?<=[)=,:])PASSWD:)"
_QUOTED = r"\"(?:[^\"\\\n]|\\.){1,4000}\"|'(?:[^'\\\n]|\\.){1,4000}'"
_ASSIGNMENT = re.compile(
    rf"(?P<before>(?!{_SUDO_TAG}){_NAME}\\?[\"']?\]?[ \t]{{0,40}}(?:=>|:=|\?=|==?|::?)[ \t]{{0,40}})"
    # the last two: quotes inside a quoted text, and a quote that is not closed on its line
    rf"(?P<value>{_QUOTED}|\\[\"'][^\"'\\\n]{{1,4000}}|[^\s,;\"'<>&|]{{1,4000}}|[\"'][^\"'\n]{{1,4000}}(?=\n|\Z))",
    re.IGNORECASE,
)
# define('DB_PASSWORD', '…')
_CALL = re.compile(
    rf"(?P<before>\([ \t]{{0,10}}[\"'][\w.-]{{0,80}}?{_NAME}[\"'][ \t]{{0,10}},[ \t]{{0,10}})(?P<value>{_QUOTED})",
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
    r"(?P<before>pass(?:words?|wds?|phrases?)[\"']?[ \t]{0,10}[:=][ \t]{0,10})(?P<value>\[[^\]\n]{2,4000}\])",
    re.IGNORECASE,
)
# cloud-init's "chpasswd: {list: |": user:password, line by line
_YAML_USERS = re.compile(
    r"(?P<before>^(?P<indent>[ \t]{0,60})chpasswd:[ \t]{0,10}\n(?:(?P=indent)[ \t]+(?!list)[^\n]*\n){0,5}(?P=indent)[ \t]+list:[ \t]{0,10}[|>]?-?[ \t]{0,10}\n)"
    r"(?P<value>(?:(?P=indent)[ \t]+[^\n]*(?:\n|\Z))+)",
    re.MULTILINE,
)
_JSON_AUTH = re.compile(r"(?P<before>\"auth\"[ \t]*:[ \t]*)(?P<value>\"[^\"\n]{1,4000}\")")
_GOSSIP = re.compile(
    r"(?P<before>\bencrypt\"?[ \t]{0,10}[:=][ \t]{0,10})(?P<value>\"[A-Za-z0-9+/]{22,44}={0,2}\")"
)
_SQL = re.compile(
    r"(?P<before>\b(?:identified[ \t]{1,10}(?:with[ \t]{1,10}\S{1,60}[ \t]{1,10})?(?:by|as)(?:[ \t]{1,10}password)?|password)"
    r"[ \t]{0,10}\(?[ \t]{0,10})(?P<value>'(?:[^'\\\n]|\\.){1,1000}')",
    re.IGNORECASE,
)
_XML = re.compile(rf"(?P<before><[\w.:-]{{0,80}}?{_NAME}>)(?P<value>[^<\n]{{1,4000}})(?=</)", re.IGNORECASE)
_XML_PAIR = re.compile(
    rf"(?P<before>(?:key|name)=[\"'][\w.-]{{0,80}}?{_NAME}[\"'][ \t]{{1,10}}value=)(?P<value>{_QUOTED})",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(?P<before>(?<![\w-])--?[\w.-]{{0,80}}?{_NAME}[ \t]{{1,10}})(?P<value>{_QUOTED}|[^\s\"'-][^\s\"']{{0,4000}})",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"(?P<before>^[ \t]{0,60}(?:requirepass|masterauth|bindpw|rootpw|auth_pass|password|passwd|secret|psk|token|wpa_passphrase)"
    r"[ \t]{1,40}|^[ \t]{0,60}rootpw(?:[ \t]{1,10}--\w{1,20}){1,3}[ \t]{1,10})"
    r"(?P<value>[^\s\[=:-][^\s]{0,4000})(?=[ \t]{0,40}(?:$|#|;))",
    re.IGNORECASE | re.MULTILINE,
)
_SNMP = re.compile(
    r"(?P<before>^[ \t]{0,60}(?:r[ow]community6?[ \t]{1,40}|trapcommunity[ \t]{1,40}|com2sec6?[ \t]{1,40}(?:-Cn[ \t]+\S+[ \t]+)?\S{1,60}[ \t]{1,40}\S{1,60}[ \t]{1,40}"
    r"|(?:trap2?|inform)sink[ \t]{1,40}\S{1,100}[ \t]{1,40}|createuser[ \t][^\n]{1,200}?(?:md5|sha\S{0,4}|aes\S{0,4}|des)[ \t]{1,10}))"
    rf"(?P<value>{_QUOTED}|[^\s\"]{{1,400}})",
    re.IGNORECASE | re.MULTILINE,
)
_SNMP_PRIVATE = re.compile(
    r"(?P<before>^[ \t]{0,60}createuser[ \t][^\n]{1,300}\[redacted\]\"?[ \t]{1,10}(?:aes|des)\S{0,4}[ \t]{1,10})(?P<value>\S{1,400})",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    # haproxy, bind, ipsec.secrets, redis' ACL, sentinel, squid, preseed
    r"(?P<before>\buser[ \t]{1,10}\S{1,100}[ \t]{1,10}(?:insecure-)?password[ \t]{1,10}|\bstats[ \t]{1,10}auth[ \t]{1,10}[^\s:]{1,100}:"
    r"|[{;][ \t]{0,10}secret[ \t]{1,10}|(?:^|\s):[ \t]{0,10}(?:PSK|XAUTH|EAP|PIN|NTLM)[ \t]{1,10}|^user[ \t][^\n]{1,200}?[ \t]>"
    r"|\bsentinel[ \t]{1,10}auth-pass[ \t]{1,10}\S{1,100}[ \t]{1,10}|\blogin=[^\s:=]{1,100}:"
    r"|\bpasswd/[\w-]{1,60}[ \t]{1,10}(?:password|string)[ \t]{1,10}|[?&]sig=)"
    rf"(?P<value>{_QUOTED}|[^\s\"';&]{{1,1000}})",
    re.MULTILINE,
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
_AUTHORIZATION = re.compile(
    r"(?P<before>\bauthorization\\?[\"']?(?:[ \t]{0,10}[:=][ \t]{0,10}\\?[\"']?(?:(?:bearer|basic|token|digest|apikey)[ \t]{1,10})?"
    r"|[\s,]{1,10}[\"']?(?:bearer|basic|token|digest|apikey)[ \t]{1,10}))"
    r"(?P<value>(?!(?:bearer|basic|token|digest|apikey)\b)[^\s\"'\\$]{8,4000})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<before>\bbearer[ \t]{1,10})(?P<value>[\w.~+/=-]{16,4000})", re.IGNORECASE)
_COOKIE = re.compile(
    r"(?P<before>\b(?:set-)?cookie[\"']?:[ \t]{0,10}[\w.-]{1,80}=)(?P<value>[^\s\"']{8,4000})", re.IGNORECASE
)
_HEADER_KEY = re.compile(
    r"(?P<before>\bx-[\w-]{1,60}-key[\"']?[ \t]{0,10}:[ \t]{0,10}[\"']?)(?P<value>[^\s\"']{4,4000})",
    re.IGNORECASE,
)

_NOT_A_SECRET = re.compile(
    # references
    r"|\$\{[^}]*\}\S*|\$[A-Za-z_]\w*(?:/\S*|::\w+)?|\$\(.*|%[({].*|%[a-zA-Z]|\{\{.*|\{%.*|<[^>]*>|\$\d"
    # where a secret is kept, not the secret
    r"|(?:file:)?(?:/(?:etc|run|var|usr|srv|opt|home|root|mnt|path)|%[dthSCE])/[\w./@%-]*"
    # nothing, or the beginning of something else
    r"|\*+|x|#.*|\\|\(|\{(?:[\w.\"'\ue000-]{1,40}:)?|\[|[|>][+-]?|yes|no|on|off|true|false|none|null|nil|~"
    # the words that examples have
    r"|secret|password|passwd|(?:pass:)?insta"
    # PAM's controls and the sources of nsswitch.conf
    r"|required|requisite|sufficient|optional|include|substack|files|compat|systemd|sss|db|nis|ldap|winbind",
    re.IGNORECASE | re.DOTALL,
)

# Each line is tried only when it holds one of these words: most lines of most files hold none.
_WORDS = (
    *(
        "pass",
        "pw",
        "secret",
        "token",
        "authtok",
        "key",
        "cred",
        "auth",
        "psk",
        "community",
        "salt",
        "identified",
    ),
    *("login=", "sig=", ": eap", ": pin", ": ntlm", " on >"),
)
_LINE_RULES = (
    _YAML_LIST,
    _AUTHORIZATION,
    _HEADER_KEY,
    _XML,
    _XML_PAIR,
    _JSON_AUTH,
    _CALL,
    _SQL,
    _ASSIGNMENT,
    _FLAG,
    _DIRECTIVE,
    _INLINE,
)
# What a text must hold for the rules behind it to have a chance, so that most of them never run.
_TEXT_RULES: tuple[tuple[re.Pattern[str], tuple[re.Pattern[str], ...]], ...] = (
    (re.compile(r":[ \t]{0,10}(?:[|>][^\n]{0,12})?\n"), (_YAML_USERS, _YAML_BLOCK, _YAML_NEXT)),
    (re.compile(r"bearer|cookie", re.IGNORECASE), (_BEARER, _COOKIE)),
    (re.compile(r"://"), (_URL, _URL_TOKEN)),
    (re.compile(r"(?:-u|--user|--proxy-user)[ \t=]"), (_USER_FLAG,)),
    (re.compile(r"[$_.{-]|eyJ|\d{8}|SK|key|A[KSBC]|AIza|1//"), TOKEN_RULES),
    (re.compile(r"encrypt"), (_GOSSIP,)),
)
_LATER_RULES = (
    (re.compile(r"login"), (_NETRC,)),
    (re.compile(r"com2sec|community|sink|createuser", re.IGNORECASE), (_SNMP, _SNMP_PRIVATE)),
)


def redact_shapes(text: str, *, depth: int = 2) -> tuple[str, int]:
    """The text with its secrets replaced, and how many were. `depth`: how often base64 is unwrapped."""
    text, count = without_private_keys(text)
    if depth:
        text, hidden = without_encoded(text, lambda inside: redact_shapes(inside, depth=depth - 1)[1])
        count += hidden
    text, early = _by(_TEXT_RULES, text)
    text, lines = _by_line(text)
    text, late = _by(_LATER_RULES, text)
    return text, count + early + lines + late


def _by(clued: tuple[tuple[re.Pattern[str], tuple[re.Pattern[str], ...]], ...], text: str) -> tuple[str, int]:
    count = 0
    for clue, rules in clued:
        if clue.search(text):
            text, hidden = _replaced(rules, text)
            count += hidden
    return text, count


def _by_line(text: str) -> tuple[str, int]:
    lowercase = text.lower()
    if not any(word in lowercase for word in _WORDS):
        return text, 0
    lines, count = text.split("\n"), 0
    for number, lowered in enumerate(lowercase.split("\n")):
        if any(word in lowered for word in _WORDS):
            lines[number], hidden = _replaced(_LINE_RULES, lines[number])
            count += hidden
    return ("\n".join(lines) if count else text), count


def _replaced(rules: tuple[re.Pattern[str], ...], text: str) -> tuple[str, int]:
    count = 0

    def substitute(match: re.Match[str]) -> str:
        nonlocal count
        new = hide(match)
        count += new is not None
        return match[0] if new is None else new

    for rule in rules:
        text = rule.sub(substitute, text)
    return text, count


def hide(match: re.Match[str]) -> str | None:
    """What stands for a match with its groups `before` and `value`; None where the value is no secret."""
    value = match["value"]
    quote = value[0] if value[0] in "\"'" and value[0] == value[-1] and len(value) > 1 else ""
    inner = value[1:-1] if quote else value
    if PLACEHOLDER in inner or _NOT_A_SECRET.fullmatch(inner.strip()):
        return None
    if "\n" in inner:  # a YAML block keeps its indentation, or the text would no longer parse
        indent = inner[: len(inner) - len(inner.lstrip())]
        return f"{match['before']}{indent}{PLACEHOLDER}" + "\n" * inner.endswith("\n")
    return f"{match['before']}{quote}{PLACEHOLDER}{quote}"
