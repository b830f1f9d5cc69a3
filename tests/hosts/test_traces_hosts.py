"""Who was at work, as a real journal tells it: also when it comes late to what is over, and when somebody lies to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deployments.collector.wire import program_input, split_answer
from deployments.traces.base import Trace
from deployments.traces.survey import ASKS, parse_traces
from tests.hosts.machine import Machine

pytestmark = pytest.mark.slow

NONCE = "n0123456789abcdef"
# Says of somebody else that he ran a command with sudo, and is sudo itself when the journal comes to look.
LIE = r"""
use Socket;
socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;
connect(S, sockaddr_un("/run/systemd/journal/dev-log")) or die;
send(S, "<85>Nov 23 17:00:00 sudo[$$]:      ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/tee /etc/lied", 0) or die;
exec "sudo", "sleep", "60";
"""


@contextmanager
def frozen_journal(host: Machine) -> Iterator[None]:
    """Nothing is read that is logged meanwhile: so it is on a busy host, only shorter."""
    host.run("systemctl kill --signal=STOP systemd-journald")
    yield
    host.run("systemctl kill --signal=CONT systemd-journald; journalctl --sync")


def commands(host: Machine) -> list[Trace]:
    output = host.run("sh -s", stdin=program_input(NONCE, ASKS)).encode()
    [reply] = split_answer(output, NONCE, 1).replies
    return [trace for trace in parse_traces(reply).traces if trace.what == "command"]


def test_sudo_is_believed_that_was_over_before_the_journal_looked_and_a_liar_is_not(
    debian_hosts: Callable[..., list[Machine]],
) -> None:
    [host] = debian_hosts("web-1")
    with frozen_journal(host):
        host.run("su ben -c 'echo one | sudo tee /etc/one'")
        host.run("cat >/tmp/lie.pl; su ben -c 'perl /tmp/lie.pl >/dev/null 2>&1 &'", stdin=LIE.encode())
        host.run("until pgrep -x sleep; do :; done")
    entries = host.run("journalctl -t sudo -o json --output-fields=MESSAGE,_EXE").splitlines()
    over = [line for line in entries if "COMMAND=/usr/bin/tee /etc/one" in line]
    lies = [line for line in entries if "COMMAND=/usr/bin/tee /etc/lied" in line]
    assert len(over) == len(lies) == 1
    assert '"_EXE"' not in over[0] and '"_EXE":"/usr/bin/sudo"' in lies[0]  # what the journal saw is no help
    told = [(trace.source, trace.login, trace.text) for trace in commands(host)]
    assert ("journal", "ben", "sudo /usr/bin/tee /etc/one") in told
    assert [one for one in told if one[1] != "ben"] == []
