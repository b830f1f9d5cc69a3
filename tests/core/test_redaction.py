"""Secret paths by name, secret tokens by shape."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.core.redaction import (
    DEFAULT_SECRET_PATHS,
    is_secret_path,
    keyed_hmac,
    redact,
    redact_definition,
    secret_content_digest,
    secret_digest,
)

SECRET = "/etc/shadow /etc/shadow- /etc/gshadow /etc/ssh/ssh_host_ed25519_key /root/.ssh/id_rsa /home/ana/.ssh/id_work"
SECRET += (
    " /srv/app/tls/server.key /etc/nginx/privkey.pem /etc/ssl/private/a/b /home/ana/.pgpass /root/.my.cnf"
)
SECRET += " /etc/app/db.password /home/ana/.aws/credentials /root/.kube/config /etc/kubernetes/admin.conf /srv/app/.env"
SECRET += " /root/.ssh/work /var/backups/shadow.bak /etc/app/server.key~ /srv/app/.env.bak /root/.ssh/.id_rsa.swp /etc/krb5.keytab"
SECRET += " /root/.vault-token /root/.docker/config.json /etc/wireguard/wg0.conf /etc/ipsec.secrets /root/.bash_history"
SECRET += " /etc/app/db-password /etc/app/api_token /etc/apt/auth.conf.d/x.conf /etc/openvpn/client/auth.txt /etc/x/htpasswd"
SECRET += " /root/.netrc /run/secrets/db /etc/postfix/sasl_passwd /etc/letsencrypt/archive/a/privkey1.pem /etc/SERVER.KEY"
PLAIN = "/etc/passwd /etc/ssh/ssh_host_ed25519_key.pub /root/.ssh/id_rsa.pub /root/.ssh/authorized_keys /etc/hosts"
PLAIN += " /etc/pam.d/common-password /root/.ssh/config /root/.ssh/known_hosts /etc/apt/keyrings/docker.key /usr/bin/htpasswd"
PLAIN += " /etc/systemd/system/rotate-token.service /etc/passwd- /etc/ssl/openssl.cnf /etc/nginx/dhparam.pem /etc/tokens.conf"
PLAIN += " /etc/ssl/certs/ca.pem /etc/nginx/fullchain.pem /etc/nginx/nginx.conf /etc/shadowy/x /srv/keys.txt"


@pytest.mark.parametrize("path", SECRET.split())
def test_a_default_secret_path_is_secret(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize("path", PLAIN.split())
def test_an_ordinary_path_is_not_secret(path: str) -> None:
    assert not is_secret_path(path)


@pytest.mark.parametrize("path", ["/etc/../etc/shadow", "//etc//shadow", "/etc/./shadow", "etc/shadow"])
def test_a_detour_in_the_path_hides_nothing(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/srv/**", "/srv/a/b", True),
        ("/srv/**", "/srvx/a", False),
        ("/srv/*", "/srv/a/b", False),
        ("/srv/**/x.conf", "/srv/x.conf", True),
        ("/srv/**/x.conf", "/srv/a/b/x.conf", True),
        ("/srv/a?c", "/srv/abc", True),
        ("/srv/a?c", "/srv/a/c", False),
        ("/srv/[ab].conf", "/srv/b.conf", True),
        ("/srv/[!ab].conf", "/srv/b.conf", False),
        ("/srv/[!ab].conf", "/srv/c.conf", True),
        ("*.vault", "/deep/down/x.vault", True),
        ("/srv/a.c", "/srv/abc", False),
        ("/srv/[.conf", "/srv/[.conf", True),
    ],
)
def test_a_pattern_means_what_the_documentation_says(pattern: str, path: str, matches: bool) -> None:
    assert is_secret_path(path, [pattern]) is matches


def test_the_last_pattern_that_matches_decides() -> None:
    assert not is_secret_path("/etc/app/public.key", [*DEFAULT_SECRET_PATHS, "!/etc/app/public.key"])
    assert is_secret_path("/etc/app/a.key", ["!/etc/app/**", "/etc/app/*.key"])


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAAA\n-----END RSA PRIVATE KEY-----\n", "MIIEow"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk", "b3BlbnNzaC1rZXk"),
        ('{"key": "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----"}', "MIIE"),
        ("tls.key: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB", "UlFb3dJQkFBS0NBUUVB"),
        ("password = hunter2", "hunter2"),
        ("db_password: 'correct horse'", "correct horse"),
        ("DB_PASSWORD=hunter2 ./run", "hunter2"),
        ('"client_secret": "s3cr3t"', "s3cr3t"),
        ("spring.datasource.password=hunter2", "hunter2"),
        ("api-key: abcdef", "abcdef"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("Server=db;Uid=sa;Pwd=hunter2;", "hunter2"),
        ("'passwd' => 'hunter2',", "hunter2"),
        ("client_secret: |\n  abc\n  def\nnext: 1", "def"),
        ("postgres://app:p@ss@db/app", "p@ss"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
        ("https://ci:hunter2@git.example/x.git", "hunter2"),
        ("Authorization: Bearer abcdefgh", "abcdefgh"),
        ("header = 'authorization: basic dXNlcjpwYXNz'", "dXNlcjpwYXNz"),
        ("curl -H 'X: bearer abcdefghijklmnopq'", "abcdefghijklmnopq"),
        ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc y", "eyJzdWIiOiIxMjM0In0"),
        ("x ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abc"),
        ("glpat-abcdefghijklmnopqrst", "glpat-abc"),
        ("xoxb-1234567890-abcdef", "xoxb-1234"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "abcdef"),
        ("root:$6$abcdefgh$abcdefghijklmnopqrstuvwx:19000:0", "abcdefghijklmnopqrstuvwx"),
        ("ana:$apr1$abcdefgh$abcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuv"),
        ("requirepass hunter2", "hunter2"),
        ("machine db login app password hunter2", "hunter2"),
        ("mysqldump --password hunter2 app", "hunter2"),
        ("<password>hunter2</password>", "hunter2"),
        ('<add key="DbPassword" value="hunter2"/>', "hunter2"),
        ('{"auths": {"r": {"auth": "dXNlcjpwYXNz"}}}', "dXNlcjpwYXNz"),
        ("//registry/:_authToken=hunter2", "hunter2"),
        ("DB_PASS=hunter2\n", "hunter2"),
        ("smtp.pass: hunter2", "hunter2"),
        ("root-pw = hunter2", "hunter2"),
        ("https://abcdefghijklmnopqrst@git.example/x.git", "abcdefghijklmnopqrst"),
        ("curl -u admin:hunter2 http://x", "hunter2"),
        ("curl --user 'admin:hunter2' http://x", "hunter2"),
        ("mysqldump -h db -u app -phunter2 app > x", "hunter2"),
        ("passwords: [hunter2, other]", "hunter2"),
        ("password:\n    hunter2\nnext: 1\n", "hunter2"),
        ("db:\n  passwords:\n    - hunter1\n    - hunter2\n  next: 1\n", "hunter2"),
        ("password='hunter2\nsecond line'\n", "hunter2"),
        (
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
            "P2/56wAA",
        ),
        (
            "-----BEGIN OpenVPN Static key V1-----\n6acef03f\n-----END OpenVPN Static key V1-----\n",
            "6acef03f",
        ),
        (
            "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\nAAABAQCAhunter\nabcd==\nPrivate-MAC: x\n",
            "hunter",
        ),
        ("    user ana insecure-password hunter2\n    stats auth ana:other", "hunter2"),
        ("    stats auth ana:hunter2\n", "hunter2"),
        ('key "k" { algorithm hmac-sha256; secret "aHVudGVyMg=="; };', "aHVudGVyMg"),
        ("    auth_pass hunter2\n", "hunter2"),
        ('@left @right : PSK "hunter2"\n', "hunter2"),
        ("user default on >hunter2 ~* +@all\n", "hunter2"),
        ("sentinel auth-pass main hunter2\n", "hunter2"),
        ("cache_peer p parent 3128 0 login=ana:hunter2\n", "hunter2"),
        ("d-i passwd/root-password password hunter2\n", "hunter2"),
        ("rootpw --plaintext hunter2\n", "hunter2"),
        ("olcRootPW:: e1NTSEF9aHVudGVyMg==\n", "e1NTSEF9aHVudGVyMg"),
        ("ldap_default_authtok = hunter2\n", "hunter2"),
        ("chpasswd:\n  expire: false\n  list: |\n    root:hunter2\nnext: 1\n", "hunter2"),
        ("https://x.blob.core.windows.net/c?sv=1&sig=hunter2%3D", "hunter2"),
        ('encrypt = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="', "pUqJrVyVRj5jsiYEkM"),
        ("com2sec readonly default hunter2\n", "hunter2"),
        ("define('AUTH_KEY', 'hunter2')", "hunter2"),
        ("requests.get(u, headers={'X-Auth-Key': 'hunter2'})", "hunter2"),
        ("Cookie: session=hunter2hunter2", "hunter2"),
        ('echo "{\\"password\\": \\"hunter2\\"}"', "hunter2"),
        (
            "ana:1000:aad3b435b51404eeaad3b435b51404ee:31d6cfe0d16ae931b73c59d7e0c089c0:[U ]:LCT-1:",
            "31d6cfe0",
        ),
        (
            "cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjJodW50ZXIy\naHVudGVyMg==\nend",
            "aHVudGVyMg",
        ),
    ],
)
def test_a_secret_of_known_shape_is_replaced_visibly(text: str, secret: str) -> None:
    redacted = redact(text)
    assert secret not in redacted.text
    assert redacted.count >= 1
    assert "[redacted]" in redacted.text
    assert redact(redacted.text) == type(redacted)(redacted.text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "PasswordAuthentication yes\nPermitRootLogin prohibit-password\n",
        "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n",
        "password requisite pam_deny.so\n",
        "ssl_certificate_key /etc/ssl/private/x.key;\n",
        "password_file = /run/secrets/db\nprivate_key = /etc/ssl/private/a.key\n",
        "passwd:         files systemd\nsecret = # none\n",
        "password: ${DB_PASSWORD}\npassword={{ db_password }}\nexport TOKEN=$TOKEN\npassword: null\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "ca: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkekNDQVIyZ0F3SUJBZ0lCQURB\n",
        "listen http://[::1]:8080/ ; # see https://example.org/a:b@c\n",
        "worker_connections 4096;\n",
        "proxy_pass: http://backend\nproxy_pass http://backend;\nbypass = 1\ncompass: north\n",
        "docker run -u 1000:1000 x\n",
        "git clone https://ana@git.example/x.git ssh://git@git.example/x\n",
        "secrets:\n  - db-password\n  - name: tls\nsecrets: [db-password]\nmax_tokens: 4096\n",
        "password:\n  min_length: 12\n  rotate: monthly\n",
        "mysql -P 3306 --protocol tcp\nmkdir -p /srv/app\n",
        # as Debian ships them
        "input_password = secret\nchallengePassword = A challenge password\nsecret = $insta::secret # pass:insta\n",
        "LoadCredential=passwd.hashed-password.root\nImportCredential=tmpfiles.*\n",
        '# METHOD can be "trust", "md5", "password", "scram-sha-256",\nhost all all 127.0.0.1/32 scram-sha-256\n',
        "# /etc/pam.d/common-account - authorization settings common to all services\n",
        "ana ALL=(ALL) NOPASSWD: ALL\nben ALL = PASSWD: WEB\n",
        "sha256sum 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPf6pPSFBzI7kSDdHDmTgDDzzDHnUlrqmSDwLm2Opfq ana@shop\n",
        "cG9zdGdyZXMgbGlzdGVucyBvbiBhbGwgYWRkcmVzc2Vz\n",
        "user www-data;\npid /run/nginx.pid;\nssl_session_tickets off;\nserver_tokens off;\n",
        "",
    ],
)
def test_a_reference_or_a_plain_setting_is_left_alone(text: str) -> None:
    assert redact(text).text == text
    assert redact(text).count == 0


def test_a_redacted_yaml_block_still_parses_as_yaml() -> None:
    text = "a:\n  secret: |\n    one\n    two\n  b: 1\n"
    assert redact(text).text == "a:\n  secret: |\n    [redacted]\n  b: 1\n"


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once.text).text == once.text


@pytest.mark.parametrize(
    "evil",
    [
        "a",
        "a.b-c ",
        "-----BEGIN PRIVATE KEY-----\n",
        "http://",
        "eyJ",
        "secret: |\n",
        'password="\\',
        "A\n",
        "password",
        "password:\n",
        "password:\n - x\n",
        "  - a\n",
        "mysql a ",
        "mysql ",
        "-u a:",
        "passwords: [",
        "password='a",
    ],
)
def test_a_hostile_file_costs_linear_time(evil: str) -> None:
    text = evil * (200_000 // len(evil))
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 2


def test_a_secret_digest_is_keyed_and_the_same_from_content_or_sha256() -> None:
    key, other = b"k" * 32, b"o" * 32
    digest = secret_content_digest(key, b"hunter2")
    assert digest == secret_digest(key, "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7")
    assert digest != secret_content_digest(other, b"hunter2")
    assert len(digest) == 64


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        keyed_hmac(b"short", b"data")


def test_the_name_of_a_secret_in_a_definition_is_none() -> None:
    text = (
        'files:\n  /etc/app/db.password: {secret: db-password, mode: "0600"}\n  /etc/app/key:\n    secret: app-key\n'
        "variables: {smtp_password: hunter2}\n"
    )
    redacted = redact_definition(text)
    assert (redacted.count, redacted.text) == (1, text.replace("hunter2}", "[redacted]"))
    assert redact(text).count > 1
