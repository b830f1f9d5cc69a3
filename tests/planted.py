"""Secrets of many kinds as people leave them on hosts, made from a seed, and the forms in which one could leak."""

import base64
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Planted:
    """`text` is a piece of a file; `secrets` are what in it nobody may see."""

    kind: str
    text: str
    secrets: tuple[str, ...]


class Maker:
    """Random values that are found nowhere by chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def word(self, length: int = 20, letters: str = _LETTERS) -> str:
        return "".join(self.random.choice(letters) for _ in range(length))

    def lower(self, length: int = 20) -> str:
        return self.word(length, string.ascii_lowercase + string.digits)

    def bytes64(self, size: int) -> str:
        return base64.b64encode(self.random.randbytes(size)).decode()

    def pem(self, label: str = "PRIVATE KEY", lines: int = 6) -> tuple[str, tuple[str, ...]]:
        body = [self.bytes64(48) for _ in range(lines)]
        return "\n".join([f"-----BEGIN {label}-----", *body, f"-----END {label}-----"]), tuple(body)


def _plain(made: Maker) -> tuple[str, str]:
    secret = made.word(14)
    return f"db_password = {secret}", secret


def _quoted(made: Maker) -> tuple[str, str]:
    secret = f"{made.word(7)} {made.word(7)}!"
    return f'"client_secret": "{secret}",', secret


def _comment(made: Maker) -> tuple[str, str]:
    secret = made.word(12)
    return f"# old: admin_password: '{secret}' (until the move)", secret


def _url(made: Maker) -> tuple[str, str]:
    secret = made.word(16)
    return f"DATABASE_URL=postgres://app:{secret}@db.shop.example:5432/app?sslmode=require", secret


def _header(made: Maker) -> tuple[str, str]:
    secret = made.word(40)
    return f"proxy_set_header Authorization 'Bearer {secret}';", secret


def _basic(made: Maker) -> tuple[str, str]:
    secret = base64.b64encode(f"admin:{made.word(12)}".encode()).decode()
    return f'proxy_set_header Authorization "Basic {secret}";', secret


def _aws(made: Maker) -> tuple[str, tuple[str, ...]]:
    key, secret = "AKIA" + made.word(16, string.ascii_uppercase + string.digits), made.word(40)
    return f"aws_access_key_id={key}\naws_secret_access_key={secret}", (key, secret)


def _gcp(made: Maker) -> tuple[str, tuple[str, ...]]:
    key, body = made.pem(lines=4)
    wrapped = key.replace("\n", "\\n")
    return (
        f'{{"type": "service_account", "private_key": "{wrapped}\\n", "client_email": "a@b.example"}}',
        body,
    )


def _azure(made: Maker) -> tuple[str, str]:
    secret = made.bytes64(64)
    text = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={};EndpointSuffix=core.windows.net"
    return f"AZURE_STORAGE={text.format(secret)}", secret


def _github(made: Maker) -> tuple[str, str]:
    secret = "ghp_" + made.word(36)
    return f"git clone https://{secret}@github.com/shop/app.git", secret


def _gitlab(made: Maker) -> tuple[str, str]:
    secret = "glpat-" + made.word(20)
    return f"runner {secret} registered", secret


def _slack(made: Maker) -> tuple[str, str]:
    secret = f"T{made.word(8)}/B{made.word(8)}/{made.word(24)}"
    return f"curl -X POST https://hooks.slack.com/services/{secret} -d @-", secret


def _stripe(made: Maker) -> tuple[str, str]:
    secret = "sk_live_" + made.word(24)
    return f"stripe {secret}", secret


def _npm(made: Maker) -> tuple[str, str]:
    secret = "npm_" + made.word(36)
    return f"//registry.example/:_authToken={secret}", secret


def _pypi(made: Maker) -> tuple[str, str]:
    secret = "pypi-" + made.word(60)
    return f"# twine upload with {secret}", secret


def _jwt(made: Maker) -> tuple[str, str]:
    secret = f"eyJhbGciOiJIUzI1NiJ9.eyJ{made.word(40)}.{made.word(43)}"
    return f"session {secret}", secret


def _pem(made: Maker) -> tuple[str, tuple[str, ...]]:
    return made.pem("RSA PRIVATE KEY")


def _pem_in_yaml(made: Maker) -> tuple[str, tuple[str, ...]]:
    key, body = made.pem("EC PRIVATE KEY", lines=3)
    return "tls:\n  key: |\n" + "\n".join(f"    {line}" for line in key.split("\n")), body


def _pem_encoded(made: Maker) -> tuple[str, tuple[str, ...]]:
    key, body = made.pem("OPENSSH PRIVATE KEY", lines=3)
    encoded = base64.b64encode(key.encode()).decode()
    return f"  tls.key: {encoded}", (*body, encoded[40:100])


def _pgp(made: Maker) -> tuple[str, tuple[str, ...]]:
    return made.pem("PGP PRIVATE KEY BLOCK", lines=4)


def _crypt(made: Maker) -> tuple[str, str]:
    secret = made.word(86)
    return f"deploy:$6${made.word(16)}${secret}:19700:0:99999:7:::", secret


def _wireguard(made: Maker) -> tuple[str, tuple[str, ...]]:
    private, shared = made.bytes64(32), made.bytes64(32)
    text = f"[Interface]\nPrivateKey = {private}\n[Peer]\nPublicKey = x\nPresharedKey = {shared}"
    return text, (private, shared)


def _encoded(made: Maker) -> tuple[str, tuple[str, ...]]:
    secret = made.word(18)
    encoded = base64.b64encode(f"user=app\npassword={secret}\n".encode()).decode()
    return f"config.ini: {encoded}", (secret, encoded)


def _encoded_twice(made: Maker) -> tuple[str, tuple[str, ...]]:
    secret = made.word(18)
    once = base64.b64encode(f"url: redis://:{secret}@cache:6379/0\n".encode())
    twice = base64.b64encode(once).decode()
    return f"user-data: {twice}", (secret, once.decode(), twice)


def _age(made: Maker) -> tuple[str, str]:
    secret = "AGE-SECRET-KEY-1" + made.word(58, string.ascii_uppercase + string.digits)
    return f"# created by hand\n{secret}", secret


def _django(made: Maker) -> tuple[str, str]:
    secret = made.word(50, string.ascii_lowercase + string.digits + "!@$%^&*(-_=+)")
    return f'SECRET_KEY = "{secret}"', secret


def _rails(made: Maker) -> tuple[str, str]:
    secret = made.word(128, "0123456789abcdef")
    return f"production:\n  secret_key_base: {secret}", secret


def _php(made: Maker) -> tuple[str, str]:
    secret = made.word(16)
    return f"define( 'DB_PASSWORD', '{secret}' );", secret


def _snmp(made: Maker) -> tuple[str, tuple[str, ...]]:
    community, auth = made.word(12), made.word(14)
    return f'rocommunity {community} 10.0.0.0/8\ncreateUser mon SHA "{auth}" AES', (community, auth)


def _ldap(made: Maker) -> tuple[str, str]:
    secret = made.word(14)
    return f"binddn cn=proxy,dc=shop\nbindpw {secret}", secret


def _sql(made: Maker) -> tuple[str, str]:
    secret = made.word(14)
    return f"CREATE USER 'app'@'%' IDENTIFIED BY '{secret}';", secret


def _cron_mysql(made: Maker) -> tuple[str, str]:
    secret = made.word(14)
    return f"17 3 * * * root mysqldump -u backup -p{secret} app | gzip > /srv/app.sql.gz", secret


def _cron_curl(made: Maker) -> tuple[str, str]:
    secret = made.word(14)
    return f"*/5 * * * * root curl -fsS -u monitor:{secret} http://127.0.0.1/status", secret


def _sshpass(made: Maker) -> tuple[str, str]:
    secret = made.word(12)
    return f"ExecStart=/usr/bin/sshpass -p '{secret}' rsync -a /srv backup:/srv", secret


def _environment(made: Maker) -> tuple[str, str]:
    secret = made.word(20)
    return f'Environment="API_TOKEN={secret}" "MODE=live"', secret


Made = tuple[str, str | tuple[str, ...]]
KINDS: dict[str, Callable[[Maker], Made]] = {
    maker.__name__.strip("_").replace("_", " "): maker
    for maker in (
        *(
            _plain,
            _quoted,
            _comment,
            _url,
            _header,
            _basic,
            _aws,
            _gcp,
            _azure,
            _github,
            _gitlab,
            _slack,
            _stripe,
        ),
        *(
            _npm,
            _pypi,
            _jwt,
            _pem,
            _pem_in_yaml,
            _pem_encoded,
            _pgp,
            _crypt,
            _wireguard,
            _encoded,
            _encoded_twice,
        ),
        *(_age, _django, _rails, _php, _snmp, _ldap, _sql, _cron_mysql, _cron_curl, _sshpass, _environment),
    )
}


def plant(seed: int, count: int) -> list[Planted]:
    """`count` pieces, every kind in turn."""
    made = Maker(seed)
    pieces = []
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        text, secrets = KINDS[kind](made)
        pieces.append(Planted(kind, text, (secrets,) if isinstance(secrets, str) else secrets))
    return pieces


def forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as it would look inside base64 (wherever it begins there), hex, URLs and JSON."""
    yield secret
    data = secret.encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data).decode()
        yield encoded[(0, 2, 3)[shift] : len(encoded) - 4].rstrip("=")
    yield data.hex()
    yield quote(secret, safe="")
    yield secret.replace("\\", "\\\\").replace('"', '\\"')
    yield secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#x27;")
