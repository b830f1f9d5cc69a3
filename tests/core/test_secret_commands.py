"""Secrets on command lines, as cron, sudo, units, processes and containers show them."""

import time

import pytest

from deployments.core.redaction import redact, redact_command

TOLD = [
    "mysql -u root -phunter2x app",
    "mysqldump --single-transaction -phunter2x app > /backup/app.sql",
    "mysqldump 'a & b' -p'hunter2x hunter2x' app",
    "mysqladmin --password=hunter2x status",
    "mysql --password hunter2x app",
    "PGPASSWORD=hunter2x psql -h db app",
    "env MYSQL_PWD='hunter2x' mysql",
    "* * * * * root sshpass -p hunter2x scp a b:",
    "sshpass -phunter2x ssh web-1",
    'sshpass -p "hunter2x" ssh web-1',
    "curl -u admin:hunter2x https://x",
    "curl -uadmin:hunter2x https://x",
    "curl -sS --user=admin:hunter2x https://x",
    "curl 'https://x/?a=1&b=2' --proxy-user 'admin:hunter2x'",
    "curl -H 'X-Api-Key: hunter2x' https://x",
    "curl -H 'Authorization: Bearer hunter2x' https://x",
    "curl -H 'PRIVATE-TOKEN: hunter2x' https://x",
    "curl https://ana:hunter2x@x/",
    "wget --http-password=hunter2x https://x",
    "wget --http-password hunter2x https://x",
    "docker login -u me -p hunter2x registry",
    "docker run -e DB_PASSWORD=hunter2x app",
    "docker run --env=API_TOKEN=hunter2x app",
    "redis-cli -h cache -a hunter2x ping",
    "redis-server --requirepass hunter2x",
    "mongodump -u root -p hunter2x",
    "mongosh 'mongodb://root:hunter2x@db/'",
    "ldapsearch -x -D cn=admin -w hunter2x -b dc=x",
    "ldappasswd -x -D cn=admin -whunter2x -s hunter2x uid=a",
    "snmpwalk -v2c -c hunter2x sw-1",
    "snmpget -v3 -u a -A hunter2x -X hunter2x sw-1",
    "ipmitool -H bmc -U admin -P hunter2x power status",
    "smbclient //srv/share -U 'ana%hunter2x'",
    "mount -t cifs //srv/x /mnt -o username=a,password=hunter2x,rw",
    "openssl rsa -in a -passin pass:hunter2x",
    "openssl enc -aes256 -k hunter2x -in a",
    "openssl passwd -6 hunter2x",
    "openssl passwd -6 -salt abc hunter2x",
    "htpasswd -cb /etc/nginx/users ana hunter2x",
    "htpasswd -nb ana hunter2x >> f",
    "echo hunter2x | sudo -S systemctl restart nginx",
    "echo 'ana:hunter2x' | chpasswd",
    "printf '%s\\n' hunter2x | cryptsetup luksOpen /dev/sda2 x",
    "echo -n hunter2x | docker login --password-stdin",
    "chpasswd <<< 'ana:hunter2x'",
    "useradd -m -p 'hunter2x' ana",
    "usermod --password hunter2x ana",
    "gpg --batch --passphrase hunter2x -d x.gpg",
    "zip -P hunter2x a.zip a",
    "7z a -phunter2x a.7z a",
    "rabbitmqctl add_user ana hunter2x",
    "rabbitmqctl -q change_password ana hunter2x",
    "nmcli device wifi connect Net password hunter2x",
    "kubectl create secret generic x --from-literal=password=hunter2x",
    "kubectl create secret generic x --from-literal=a=hunter2x",
    "vault login hunter2x",
    "vault kv put secret/app key=hunter2x",
    "aws configure set aws_secret_access_key hunter2x",
    "git config --global github.token hunter2x",
    "sqlplus scott/hunter2x@db",
    "lftp -u ana,hunter2x ftp://x",
    "mysql -e \"ALTER USER 'a'@'%' IDENTIFIED BY 'hunter2x'\"",
    "psql -c \"ALTER ROLE app WITH PASSWORD 'hunter2x'\"",
    "xfreerdp /u:a /p:hunter2x /v:h",
    "/usr/bin/app --db-url=postgres://app:hunter2x@db/app",
    "app --client-secret hunter2x --verbose",
    "app -token=hunter2x",
    "Environment=SECRET_KEY=hunter2x",
    'Environment="A=b" "DB_PASSWORD=hunter2x"',
    "SNMP_COMMUNITY=hunter2x",
    "sshpass -p 'hunter2x",  # cut in the middle
]

PLAIN = [
    "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly",
    "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
    "%sudo ALL=(ALL:ALL) NOPASSWD: ALL",
    "ana ALL=(root) NOPASSWD:SETENV: /usr/bin/systemctl restart nginx, PASSWD: /usr/bin/apt-get",
    "Defaults passwd_timeout=5, passwd_tries=3, targetpw",
    "ExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'",
    "ExecStart=/usr/sbin/sshd -D $SSHD_OPTS",
    "mkdir -p /srv/app && cp -p a b && install -d -m 0755 /srv",
    "ssh -p 2222 web-1 uptime; scp -P 2222 a b:",
    "mysql -p app",
    "mysql --defaults-file=/etc/mysql/debian.cnf -P 3306",
    "docker run -p 80:80 -u 1000:1000 nginx",
    "docker login registry.example",
    "curl -fsS https://example.org/a:b@c -o /dev/null",
    "curl -u $USER:$PASS https://x",
    "PGPASSWORD=$(cat /run/secrets/db) psql",
    "PGPASSFILE=/root/.pgpass pg_dump app",
    "openssl passwd -6 -stdin",
    "openssl rsa -in a -passin file:/root/pass",
    "openssl x509 -in /etc/ssl/certs/a.pem -noout -enddate",
    "echo done | tee /var/log/done",
    "systemd-tty-ask-password-agent --watch",
    "passwd -l ana; passwd --expire ana; chage -l ana",
    "htpasswd -v /etc/nginx/users ana",
    "net ads testjoin; ip netns exec blue bash",
    "zip -r a.zip a; unzip -o a.zip",
    "snmpd -Lsd -Lf /dev/null -u snmp -g snmp -I -smux -p /run/snmpd.pid",
    "kubectl get secret db -o yaml",
    "git config --global user.name Ana",
    "ps aux | grep -v token | sort -k 3",
    "find / -name '*.key' -perm -o+r",
    "SHELL=/bin/sh PATH=/usr/sbin:/usr/bin MAILTO=root",
    "tar -cpzf x.tgz /etc; rsync -aHAXp a b",
    "openvpn --config /etc/openvpn/a.conf --auth-user-pass /etc/openvpn/login.conf --askpass",
    "systemd-creds decrypt --name=token - -",
]


@pytest.mark.parametrize("line", TOLD)
def test_a_secret_on_a_command_line_is_replaced(line: str) -> None:
    redacted = redact_command(line)
    assert "hunter2x" not in redacted.text
    assert redacted.count >= 1
    assert redact_command(redacted.text) == type(redacted)(redacted.text, 0)


@pytest.mark.parametrize("line", TOLD)
def test_a_command_line_inside_a_file_is_no_safer(line: str) -> None:
    assert "hunter2x" not in redact(f"# backup\n{line}\n").text


@pytest.mark.parametrize("line", PLAIN)
def test_an_ordinary_command_line_is_left_alone(line: str) -> None:
    assert redact_command(line).text == line
    assert redact_command(line).count == 0


@pytest.mark.parametrize(
    "evil",
    [
        "mysql ",
        'mysql "',
        "curl -u a:",
        "echo ",
        "echo a | ",
        "htpasswd -b ",
        "openssl ",
        "vault kv put a ",
        "'",
    ],
)
def test_a_hostile_command_line_costs_linear_time(evil: str) -> None:
    text = evil * (100_000 // len(evil))
    started = time.process_time()
    redact_command(text)
    assert time.process_time() - started < 2
