"""The snippets of docs/integrations/ against a running Foldback: shell lines as a runner would run them, and playbooks."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from changemgmt.models import Change
from deployments.models import Deployment
from tests.cli.command import COMMAND, Shell
from tests.cli.service import nobody
from tests.definitions import GitFleet
from tests.docs.markdown import CHECKOUT
from tests.factories import token
from tests.folding import begin, fixed_by_hand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("curl")]
FOLDER = CHECKOUT / "docs" / "integrations"


def curl_blocks() -> list[str]:
    text = (FOLDER / "README.md").read_text()
    return re.findall(r"^<!-- run -->\n```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def gitlab_lines() -> list[str]:
    jobs = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text())
    before = jobs[".foldback"]["before_script"]
    assert all(jobs[name]["extends"] == ".foldback" for name in ("would-it-undo-a-fix", "deploy"))
    return [*before, *jobs["would-it-undo-a-fix"]["script"], *before, *jobs["deploy"]["script"]]


def github_lines() -> list[str]:
    steps = yaml.safe_load((FOLDER / "github-workflow.yml").read_text())["jobs"]["deploy"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def jenkins_lines() -> list[str]:
    return re.findall(r"sh '''\n(.*?)'''", (FOLDER / "Jenkinsfile").read_text(), re.DOTALL)


RUNNERS: dict[str, tuple[Callable[[], list[str]], dict[str, str], str]] = {
    "gitlab": (
        gitlab_lines,
        {"CI_COMMIT_SHA": "HEAD", "CI_COMMIT_SHORT_SHA": "abc", "CI_PROJECT_ID": "7", "CI_PIPELINE_ID": "12",
         "CI_PROJECT_PATH": "shop/definition", "CI_PIPELINE_URL": "https://gitlab.example/p/12"},
        "gitlab-7-12",
    ),
    "github": (
        github_lines,
        {"GITHUB_SHA": "HEAD", "GITHUB_REPOSITORY": "shop/definition", "GITHUB_RUN_ID": "12",
         "GITHUB_SERVER_URL": "https://github.example"},
        "github-shop/definition-12",
    ),
    "jenkins": (
        jenkins_lines,
        {"GIT_COMMIT": "HEAD", "BUILD_TAG": "jenkins-shop-12", "JOB_NAME": "shop", "BUILD_NUMBER": "12",
         "BUILD_URL": "https://jenkins.example/12"},
        "jenkins-shop-12",
    ),
}  # fmt: skip


class Runner:
    """Where a pipeline's shell lines run: a checkout of the definition with a `./deploy` that says where it pushed."""

    def __init__(self, folder: Path, url: str, fleet: GitFleet) -> None:
        self.folder = folder
        folder.mkdir()
        self.head = fleet.repository.head
        deploy = folder / "deploy"
        deploy.write_text('#!/bin/sh\necho "$1" >>deployed\n')
        deploy.chmod(0o755)
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "FOLDBACK_URL": url,
            "FOLDBACK_TOKEN": token("ana", name="ci")[1],
            "HOSTS": "role=web env=prod",
        }

    def run(self, lines: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
        """Each line or block in a shell of its own, as runners do; ends with the first that fails."""
        environment = self.environment | {
            name: self.head if value == "HEAD" else value for name, value in variables.items()
        }
        for line in lines:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode:
                break
        return done

    @property
    def pushes(self) -> int:
        pushed = self.folder / "deployed"
        return len(pushed.read_text().splitlines()) if pushed.exists() else 0


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path, count=2)


@pytest.fixture
def runner(live_server: Any, tmp_path: Path, fleet: GitFleet) -> Runner:
    return Runner(tmp_path / "runner", live_server.url, fleet)


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_a_pipeline_pushes_and_reports_once_however_often_it_runs(name: str, runner: Runner) -> None:
    lines, variables, once = RUNNERS[name]
    for _ in range(2):
        done = runner.run(lines(), **variables)
        assert done.returncode == 0, done.stdout + done.stderr
    deployment = Deployment.objects.get()
    assert (deployment.revision, deployment.hosts) == (runner.head, ["web-1", "web-2"])
    change = Change.objects.get()
    assert (change.kind, change.external_id, change.hosts) == ("standard", once, ["web-1", "web-2"])
    assert change.links["ticket"].startswith("https://")
    assert runner.pushes == 2


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_a_pipeline_stops_before_it_undoes_a_fix(name: str, runner: Runner, fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, "web-1")
    lines, variables, _ = RUNNERS[name]
    done = runner.run(lines(), **variables)
    assert done.returncode == 3
    assert finding.reference in done.stdout
    assert (runner.pushes, Deployment.objects.count(), Change.objects.count()) == (0, 0, 0)


def test_the_curl_commands_do_what_they_say(runner: Runner) -> None:
    blocks = curl_blocks()
    assert len(blocks) == 3
    git = runner.folder / "git"  # the reader stands in a checkout of the definition
    git.write_text(f"#!/bin/sh\necho {runner.head}\n")
    git.chmod(0o755)
    runner.environment["PATH"] = f"{runner.folder}:{runner.environment['PATH']}"
    for _ in range(2):
        done = runner.run(blocks)
        assert done.returncode == 0, done.stdout + done.stderr
    assert Change.objects.get().resources == ["file:/etc/nginx/nginx.conf"]
    assert Deployment.objects.get().hosts == ["web-1", "web-2"]
    assert '"would_undo":[]' in done.stdout


PLAYBOOK = """
- name: Web servers
  hosts: web
  gather_facts: false
  tasks:
    - name: Write the banner
      ansible.builtin.copy: {content: "hello\\n", dest: "{{ root }}/{{ inventory_hostname }}.conf"}
    - name: Write the password
      ansible.builtin.copy: {content: "hunter2", dest: "{{ root }}/{{ inventory_hostname }}.secret"}
      no_log: true
    - name: Fails on web-2
      ansible.builtin.command: test {{ inventory_hostname }} = web-1
      changed_when: false
- name: Nothing to do
  hosts: web
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: hello}
"""


class Ansible:
    def __init__(self, folder: Path, url: str, text: str) -> None:
        self.folder = folder
        (folder / "files").mkdir(parents=True)
        (folder / "site.yml").write_text(PLAYBOOK)
        hosts = "\n".join(f"{name} ansible_connection=local" for name in ("web-1", "web-2"))
        python = f"ansible_python_interpreter={sys.executable}"
        (folder / "inventory.ini").write_text(f"[web]\n{hosts}\n[web:vars]\n{python}\nroot={folder}/files\n")
        self.shell = Shell(folder, url, text)
        self.environment = self.shell.environment | {
            "ANSIBLE_CALLBACK_PLUGINS": str(FOLDER / "ansible"),
            "ANSIBLE_CALLBACKS_ENABLED": "foldback",
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",  # a process less for each task
            "FOLDBACK_COMMAND": str(COMMAND),
        }

    def play(self, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "-i",
                "inventory.ini",
                "site.yml",
                *arguments,
            ],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert "deprecat" not in (done.stdout + done.stderr).lower()
        return done.stdout + done.stderr


@pytest.mark.slow
def test_a_play_that_changed_something_is_one_change_and_its_push_is_reported(
    live_server: Any, tmp_path: Path, fleet: GitFleet
) -> None:
    ansible = Ansible(tmp_path / "ansible", live_server.url, token("ana", name="ansible")[1])
    assert "foldback" not in ansible.play("--check").replace("FOLDBACK", "")
    assert not Change.objects.exists()

    said = ansible.play(FOLDBACK_REVISION=fleet.repository.head)
    change = Change.objects.get()  # the play that changed nothing has none
    assert change.reference in said
    assert change.title == "Ansible: Web servers (site.yml)"
    assert (change.kind, sorted(change.hosts)) == ("standard", ["web-1", "web-2"])
    assert sorted(change.resources) == [f"file:{tmp_path}/ansible/files/web-{n}.conf" for n in (1, 2)]
    assert "Write the banner: web-" in change.description and "Write the password: web-" in change.description
    assert "hunter2" not in change.description and "secret" not in "".join(change.resources)
    assert Deployment.objects.get().hosts == ["web-1"], "something failed on web-2"

    # Foldback is down: the play goes on, and the record is kept.
    (tmp_path / "ansible" / "files" / "web-1.conf").unlink()
    assert "kept for later" in ansible.play(FOLDBACK_URL=nobody())
    assert [entry["body"]["hosts"] for entry in ansible.shell.waiting()] == [["web-1"]]
