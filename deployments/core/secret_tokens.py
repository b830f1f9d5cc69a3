"""Secrets that are known by their own shape, wherever they stand: keys in PEM, tokens of providers, password hashes."""

import base64
import binascii
import re
from collections.abc import Callable

PLACEHOLDER = "[redacted]"
_PEM = r"(?:[A-Z0-9 ]{0,40} )?PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V\d"
_BEGIN = re.compile(rf"-----BEGIN (?:{_PEM})-----|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----")
_END = re.compile(rf"-----END (?:{_PEM})-----|---- END SSH2 (?:ENCRYPTED )?PRIVATE KEY ----")
_PUTTY = re.compile(
    r"(?P<before>^Private-Lines: \d{1,4}\r?\n)(?P<value>(?:[A-Za-z0-9+/=]{1,76}(?:\r?\n|\Z)){1,400})",
    re.MULTILINE,
)
_CRYPT = re.compile(
    r"(?P<before>)(?P<value>\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5|apr1|argon2i?d?|scrypt|pbkdf2[\w-]{0,20})\$[./\w$=,+-]{16,400}"
    r"|(?i:\{(?:SSHA|SHA|SSHA256|SSHA512|CRYPT|SMD5|MD5|ARGON2)\})[\w./+=$-]{8,400}"
    # as Samba keeps them: LM, NT
    r"|\b(?:[0-9A-Fa-f]{32}|X{32}):[0-9A-Fa-f]{32}:(?=\[|:))",
)
_TOKEN = re.compile(
    r"(?P<before>)(?<![\w-])(?P<value>"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])(?:[\s,;:\"']{1,10}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}"
    r"|gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w.-]{20,255}"
    r"|xox[abceoprs]-[\w-]{10,255}|xapp-[\w-]{10,255}|[rs]k_(?:live|test)_\w{16,255}|whsec_[\w+/=]{16,255}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,2000}|1//0[\w-]{20,200}|GOCSPX-[\w-]{20,64}|[\w.~-]{3}\dQ~[\w.~-]{31,34}"
    r"|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{32,500}|rubygems_[0-9a-f]{32,64}|AKCp[A-Za-z0-9]{60,80}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,64}|hv[sbr]\.[\w-]{20,255}|s\.[A-Za-z0-9]{24}(?!\w)|\w{14}\.atlasv1\.[\w-]{50,80}"
    r"|do[por]_v1_[0-9a-f]{64}|dckr_pat_[\w-]{20,64}|shp(?:at|ca|pa|ss)_[0-9a-f]{32}|dapi[0-9a-f]{32}|dp\.[a-z]{2}\.\w{40,44}"
    r"|ATATT3x[\w=-]{60,400}|lin_api_\w{32,64}|NRAK-[A-Z0-9]{20,40}|gl(?:sa|c)_[\w=+/]{30,400}|sntry[su]_[\w=+/-]{30,400}"
    r"|sk-[\w-]{20,255}|fb_\w{20,255}|key-[0-9a-f]{32}|SK[0-9a-f]{32}|tskey-[\w-]{16,100}|\d{8,10}:AA[\w-]{33}"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{50,64}"
    r"|eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{0,4000})",
)
_WEBHOOK = re.compile(
    r"(?P<before>https://(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/"
    r"|[\w.-]{1,80}\.webhook\.office\.com/))(?P<value>[\w/@-]{8,400})"
)
TOKEN_RULES = (_PUTTY, _CRYPT, _TOKEN, _WEBHOOK)

# A run long enough for a secret with its name, and whole lines that may go on with it.
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9_+/=-])[A-Za-z0-9_+/-]{20,200000}+={0,2}+"
    r"(?:(?:\r?\n|\\n)[ \t]{0,60}[A-Za-z0-9+/]{1,76}={0,2}(?=\r?\n|\\n|[\"']|\Z)){0,4000}+"
)
_NARROWEST = 48  # what is wrapped is wrapped to 64 or 76 columns
_TEXT = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\u024f]+")


def without_private_keys(text: str) -> tuple[str, int]:
    """PEM blocks, by searching: one expression over a file full of BEGIN lines could take quadratic time."""
    pieces: list[str] = []
    at, count = 0, 0
    ends = iter(_END.finditer(text))
    end = next(ends, None)
    for begin in _BEGIN.finditer(text):
        if begin.start() < at:
            continue
        while end is not None and end.start() < begin.end():
            end = next(ends, None)
        pieces += (text[at : begin.start()], PLACEHOLDER)
        at = len(text) if end is None else end.end()  # without an end, the rest of the file is the key
        count += 1
    return "".join((*pieces, text[at:])), count


def without_encoded(text: str, secrets_in: Callable[[str], int]) -> tuple[str, int]:
    """Base64 of a text that holds a secret, as Kubernetes and cloud-init have it. Twice wrapped is found as well."""
    count = 0

    def substitute(match: re.Match[str]) -> str:
        nonlocal count
        run, rest = _wrapped(match[0])
        inside = _decoded(run)
        if inside is None or not secrets_in(inside):
            return match[0]
        count += 1
        return PLACEHOLDER + rest

    return _BASE64.sub(substitute, text), count


def _wrapped(run: str) -> tuple[str, str]:
    """The lines that belong together, all of one width but the last, and what only looks like them."""
    parts = re.split(r"(\r?\n[ \t]*|\\n[ \t]*)", run)
    width, upto = len(parts[0]), 1
    while (
        upto < len(parts)
        and width >= _NARROWEST
        and len(parts[upto - 1]) == width
        and "=" not in parts[upto - 1]
    ):
        upto += 2
    return "".join(parts[:upto]), "".join(parts[upto:])


def _decoded(run: str) -> str | None:
    """The text that a run of base64 stands for; None where it is none, which nearly always is soon clear."""
    packed = "".join(run.replace("\\n", "").split()).replace("-", "+").replace("_", "/").rstrip("=")
    for part in (packed[:24], packed):
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            data = base64.b64decode(part + "=" * (-len(part) % 4))
        except (binascii.Error, ValueError):
            return None
        text = data.decode("utf-8", errors="ignore")
        if len(text) < len(data) - 4 or not _TEXT.fullmatch(text):
            return None
    return text
