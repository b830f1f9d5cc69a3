"""The installed collector by itself, in real shells: it answers questions, and runs nothing that it is sent.

What the account can and can't do on a real host is in `test_kit_account.py`.
"""

import os
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployments.collector.kit import ROOT_VERBS, Kit, KitError, install_script
from deployments.collector.protocol import Collection, Question
from deployments.collector.wire import Ask, program_input, split_answer
from deployments.core.states import Present
from tests.hosts.userlands import KEY, NONCE, Userland, everything

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0uKlc4EWseAHOH87vySIAtlg0cD2jD8cWHfeeQcRnW ana@laptop"
SYSTEM_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Installed:
    """A collector that is installed in a folder, as its forced command would be run."""

    path: Path
    shell: tuple[str, ...]
    folder: Path

    def run(self, stdin: bytes, *words: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [*self.shell, str(self.path), *words],
            input=stdin,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", **environment},
            cwd=self.folder,
            timeout=60,
        )


@pytest.fixture
def installed(userland: Userland, tmp_path: Path) -> Installed:
    """In the shell of each userland, with its tools."""
    kit = Kit(keys=(PUBLIC_KEY,), directory=f"/opt/{tmp_path.name}", sudo=True)
    program = kit.program().replace(kit.directory, str(tmp_path))
    shell = [word for word in userland.shell if word != "-s"]
    if "bash" in shell[0]:  # hosts run it as sh
        (tmp_path / "sh").symlink_to(shell[0])
        shell[0] = str(tmp_path / "sh")
    text = program.replace(" /bin/sh ", f" {' '.join(shell)} ")
    assert text != program
    if userland.alone:
        text = text.replace(SYSTEM_PATH, f"PATH={userland.path}")
    (tmp_path / "collector").write_text(text)
    (tmp_path / "collector").chmod(0o755)
    return Installed(tmp_path / "collector", tuple(shell), tmp_path)


def question(*lines: str, nonce: str = NONCE) -> bytes:
    return f"foldback '{nonce}' '{chr(10).join(lines)}' </dev/null\n".encode()


def test_the_same_scanner_is_answered_the_same(installed: Installed, userland: Userland) -> None:
    asked = Question.of(
        ["file:/etc/passwd", "file:/etc/no such; file", "directory:/etc", "symlink:/proc/self/exe"],
        ["/etc/cron.d"],
        watched=frozenset({"user", "group"}),
    )
    collection = Collection(asked, nonce=NONCE, hmac_key=KEY, wanted=everything)
    while (program := collection.send()) is not None:
        done = installed.run(program)
        assert done.stderr == b""
        collection.receive(done.stdout, None, exit_status=done.returncode)
    found, sent = collection.result(), userland.look(asked, wanted=everything)
    assert found.states == sent.states and found.contents == sent.contents and found.listed == sent.listed
    assert isinstance(found.states["file:/etc/passwd"], Present)
    kit = found.facts["kit"]
    assert re.fullmatch("[0-9a-f]{12}", kit) and "kit" not in sent.facts


def test_a_question_it_does_not_know_yet_is_not_supported_and_the_rest_is_answered(
    installed: Installed,
) -> None:
    done = installed.run(question("1 teapots", "2 clock", "3 dance 5 ./etc", "4 names"))
    replies = split_answer(done.stdout, NONCE, 4).replies
    assert [reply.failure for reply in replies] == ["not supported", None, "not supported", None]


def test_what_is_sent_before_the_call_is_not_run(installed: Installed) -> None:
    done = installed.run(b"touch pwned\nfoldback() { touch pwned; }\n" + question("1 clock"))
    assert split_answer(done.stdout, NONCE, 1).replies[0].failure is None
    assert not (installed.folder / "pwned").exists()


HOSTILE = {
    "nothing": b"",
    "a command": b"touch pwned\n",
    "a command after the call": question("1 clock") + b"touch pwned\n",
    "a command behind the call": question("1 clock")[:-1] + b"; touch pwned\n",
    "no end": question("1 clock").replace(b" </dev/null", b""),
    "cut in a path": question("1 list ./etc/passwd")[:-20],
    "another redirection": question("1 clock").replace(b"</dev/null", b">pwned"),
    "two calls": question("1 clock") * 2,
    "a call in a call": question(question("1 clock").decode()),
    "a quote": question("1 list ./a'; touch pwned; '"),
    "a quote in the nonce": question("1 clock", nonce="n0123456789abcdef'; touch pwned; '"),
    "an expansion": question("1 list ./$(touch pwned)"),
    "backticks": question("1 list ./`touch pwned`"),
    "a variable": question("1 list ./$HOME"),
    "a semicolon": question("1 list ./a; touch pwned"),
    "an ampersand": question("1 clock &"),
    "a redirection": question("1 list ./a >pwned"),
    "a star": question("1 list ./*"),
    "an option": question("1 list -delete"),
    "an option of find": question("1 list ./a -exec touch pwned ;"),
    "an encoded option": question("1 list \\0055delete"),
    "an encoded command of find": question("1 list ./a -exec touch pwned \\0073"),
    "a path without a root": question("1 read 100 /etc/passwd"),
    "a number that is none": question("1 tree -1 ./etc"),
    "a verb that is none": question("1 ../list ./etc"),
    "a verb with capitals": question("1 PATH=x"),
    "no verb": question("1"),
    "no number": question("clock"),
    "an empty line": question("1 clock", "", "2 clock"),
    "a tab": question("1\tclock"),
    "two spaces": question("1  clock"),
    "a carriage return": question("1 clock\r"),
    "a NUL": question("1 cl\0ock"),
    "a NUL before": b"\0" + question("1 clock").replace(b" ", b"\0", 1),
    "a lone backslash": question("1 list ./a\\"),
    "half an escape": question("1 list ./a\\0"),
    "a short escape": question("1 list ./a\\012"),
    "an escape that stops printf": question("1 list ./a\\c"),
    "an escape that is too big": question("1 list ./a\\0777"),
    "bytes": question("1 list ./").replace(b"./", b"./\xff\xfe"),
    "a short nonce": question("1 clock", nonce="n123"),
    "a nonce with capitals": question("1 clock", nonce="N0123456789ABCDEF"),
    "a nonce with a pattern": question("1 clock", nonce="n*************************"),
    "an empty nonce": question("1 clock", nonce=""),
    "a long nonce": question("1 clock", nonce="n" * 200),
    "no question": question(""),
    "megabytes": b"x" * 9_000_000 + b"\n" + question("1 clock"),
    "a long line": question("1 list ./" + "a" * 9_000_000),
    "a long line of quotes": question("1 list ./" + "'" * 3_000_000),
    "many options": question("1 list" + " -delete" * 300_000),
}


def test_what_is_no_question_is_refused_and_never_run(installed: Installed) -> None:
    before = sorted(os.listdir(installed.folder))
    for name, stdin in HOSTILE.items():
        done = installed.run(stdin)
        assert done.stdout == b"" and done.returncode == 1, (name, done.stdout[:300])
        assert b"answers questions of the collector" in done.stderr, name
        assert sorted(os.listdir(installed.folder)) == before, name


def test_a_long_question_is_answered(installed: Installed) -> None:
    paths = " ".join(f"./etc/{'x' * 90}{number}" for number in range(200))
    done = installed.run(question(*(f"{number} list {paths}" for number in range(1, 11))))
    assert split_answer(done.stdout, NONCE, 10).failure is None


@pytest.mark.parametrize(
    "environment",
    [
        {"ENV": "./evil", "BASH_ENV": "./evil"},
        {"PATH": ".", "IFS": "t"},
        {"SSH_ORIGINAL_COMMAND": "touch pwned", "SSH_CONNECTION": "$(touch pwned)"},
        {"FOLDBACK_ROOT": "/proc", "fb_verbs": "evil", "fb_root_verbs": "evil", "nonce": "x", "status": "x"},
        {"BASH_FUNC_printf%%": "() { touch pwned; }", "BASH_FUNC_export%%": "() { touch pwned; }"},
        {"BASH_FUNC_env%%": "() { touch pwned; }", "BASH_FUNC_fb_kit%%": "() { touch pwned; }"},
        {"SHELLOPTS": "xtrace", "PS4": "$(touch pwned)", "BASHOPTS": "extdebug"},
        {"LD_PRELOAD": "./evil", "LD_LIBRARY_PATH": "."},
        {"POSIXLY_CORRECT": "1", "CDPATH": "/tmp", "LC_ALL": "tr_TR.UTF-8"},
    ],
)
def test_the_environment_changes_nothing(installed: Installed, environment: dict[str, str]) -> None:
    for name in ("evil", "env", "head"):
        (installed.folder / name).write_text("#!/bin/sh\ntouch pwned\n")
        (installed.folder / name).chmod(0o755)
    done = installed.run(question("1 clock", "2 list ./etc/passwd"), **environment)
    clock, listed = split_answer(done.stdout, NONCE, 2).replies
    # A bash that is told to have another "export" does not even start.
    stopped = "--posix" in installed.shell and "BASH_FUNC_export%%" in environment and not done.stdout
    assert stopped or (clock.failure is None and b"./etc/passwd" in listed.body)
    assert not (installed.folder / "pwned").exists()


def test_what_the_client_wanted_to_run_is_ignored(installed: Installed) -> None:
    """As the shell of the account it is given `-c` and a command."""
    for words in (("-c", "touch pwned"), ("-c", f"{installed.path}"), ("touch", "pwned"), ("-i",)):
        done = installed.run(question("1 clock"), *words)
        assert split_answer(done.stdout, NONCE, 1).failure is None
    assert not (installed.folder / "pwned").exists()


@pytest.mark.needs("root")
def test_as_root_a_verb_answers_with_its_status_apart(installed: Installed) -> None:
    done = installed.run(question("1 read 9 ./etc/shadow"), "accounts")  # not one of root's: a question
    assert done.stdout.startswith(b"\0" + NONCE.encode())
    done = installed.run(b"", "ports")
    assert done.stderr == b"foldback ok\n" or b"missing ss" in done.stderr
    assert done.stdout.startswith(b"uid/0\0")
    done = installed.run(b"", "authorized_keys")
    assert done.stderr == b"foldback ok\n" and b"times/\0" in done.stdout


@pytest.mark.parametrize(
    "words", [("ports", "./etc"), ("read",), ("read", "9", "./etc/shadow"), ("question",), ("root", "ports")]
)
def test_as_root_nothing_else_is_a_verb(installed: Installed, words: tuple[str, ...]) -> None:
    done = installed.run(b"", *words)
    assert words[0] == "ports" or (done.stdout == b"" and done.returncode == 1)
    assert b"root:" not in done.stdout


# --- what is printed ----------------------------------------------------------------------------------------------


def kit(**options: object) -> Kit:
    return Kit(**{"keys": (PUBLIC_KEY,), **options})  # type: ignore[arg-type]


def test_sudo_is_asked_for_exact_commands_only() -> None:
    rules = kit().sudoers()
    commands = re.findall(r"/usr/local/lib/foldback/collector [a-z_]+(?=, |\n)", rules)
    assert {command.split()[1] for command in commands} <= set(ROOT_VERBS)
    assert len(commands) == len(kit().root_verbs) >= 6
    assert "NOPASSWD: NOSETENV:" in rules
    assert not re.search(r"\*|ALL\s*$|\bread\b|\bhash\b|\blist\b|\btree\b", rules.replace("ALL=(root)", ""))
    assert kit(sudo=False).sudoers() == "" and kit(sudo=False).root_verbs == ()


def test_every_verb_of_root_exists_and_takes_no_argument() -> None:
    folder = Path("deployments/collector/verbs")
    for verb in kit().root_verbs:
        text = (folder / f"{verb}.sh").read_text()
        body = text[text.index(f"\nfb_{verb}() {{") :].split("\n}\n")[0]
        assert "$1" not in body.split("set --")[0], verb


def test_a_key_may_do_nothing_but_the_forced_command() -> None:
    line = kit(allowed_from="10.0.0.0/8,!10.1.*").authorized_keys()
    assert line.startswith(
        'restrict,command="/usr/local/lib/foldback/collector",from="10.0.0.0/8,!10.1.*" ssh-ed25519 '
    )
    assert line.count("\n") == 1 and "ana@laptop" not in line


@pytest.mark.parametrize(
    "options",
    [
        {"user": "root"},
        {"user": "a b"},
        {"user": "x; reboot"},
        {"user": ""},
        {"directory": "relative"},
        {"directory": "/usr/../etc"},
        {"directory": "/usr/lib/$(x)"},
        {"directory": "/x"},
        {"allowed_from": '10.0.0.1",command="sh'},
        {"allowed_from": "10.0.0.1 ALL"},
        {"keys": ()},
        {"keys": ("-----BEGIN OPENSSH PRIVATE KEY-----",)},
        {"keys": ('command="x" ssh-ed25519 AAAA',)},
        {"keys": ("ssh-ed25519 AAAA$(x)",)},
    ],
)
def test_names_that_could_be_anything_else_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(KitError):
        kit(**options)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_the_install_script_is_whole_and_every_shell_can_read_it(tmp_path: Path, shell: str) -> None:
    script = install_script(kit())
    assert "@" not in re.sub(
        r"@include|ana@|@\)|%@|\$@|\"\$@\"|@,=|@%\+", "", script.split("FOLDBACK-END")[0]
    )
    for part in (kit().program(), kit().authorized_keys(), kit().sudoers()):
        assert part.rstrip("\n") in script
    command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    for text in (script, kit().program()):
        subprocess.run(command, input=text.encode(), check=True)


def test_the_version_follows_what_is_installed() -> None:
    assert kit().version == kit(user="other").version
    assert replace(kit(), sudo=False).version == kit().version
    assert program_input(NONCE, [Ask("clock")])  # what is sent needs no kit
