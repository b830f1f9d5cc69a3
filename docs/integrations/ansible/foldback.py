"""Ansible callback: each play that changed something is one change in Foldback, and the push is reported.

It runs the `foldback` command, so that what can't be delivered is kept and delivered later. It never fails a play.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: foldback
type: notification
short_description: files one change per play with changed tasks, and reports the deployment
description:
  - Names the hosts that were changed, the tasks that changed them, and the files and services that they are about.
  - Values of tasks are never sent, only their names; of tasks with C(no_log) nothing but their names.
  - In check mode nothing is filed.
requirements:
  - the foldback command, logged in (or FOLDBACK_URL and FOLDBACK_TOKEN)
options:
  command:
    description: The foldback command.
    default: foldback
    env: [{name: FOLDBACK_COMMAND}]
    ini: [{section: callback_foldback, key: command}]
  revision:
    description:
      - The commit of the definition that this playbook brings to hosts. With it, the push is reported for each host on
        which nothing failed; what the commit says is agreed on there from then on.
    default: ""
    env: [{name: FOLDBACK_REVISION}]
    ini: [{section: callback_foldback, key: revision}]
  incident:
    description: The incident that it belongs to.
    default: ""
    env: [{name: FOLDBACK_INCIDENT}]
    ini: [{section: callback_foldback, key: incident}]
  kind:
    description: The kind of change.
    default: standard
    choices: [standard, normal, emergency]
    env: [{name: FOLDBACK_KIND}]
    ini: [{section: callback_foldback, key: kind}]
"""

SECONDS = 60
MOST_TASKS = 100
MOST_RESOURCES = 1000
# What a task is about: module → kind of resource, and where its name is told.
FILES = {
    "copy",
    "template",
    "file",
    "lineinfile",
    "blockinfile",
    "replace",
    "ini_file",
    "assemble",
    "get_url",
    "unarchive",
}
NAMED = {
    "service": "service",
    "systemd": "service",
    "systemd_service": "service",
    "user": "user",
    "group": "group",
}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "foldback"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None):
        super().__init__(display=display)
        self.playbook = ""
        self.run = uuid.uuid4().hex  # sent twice, it is one record
        self.plays = 0
        self._begin("")
        self.seen, self.failed = set(), set()

    def _begin(self, name):
        self.name, self.tasks, self.hosts, self.resources = name, {}, [], []

    def v2_playbook_on_start(self, playbook):
        self.playbook = os.path.basename(getattr(playbook, "_file_name", "") or "")

    def v2_playbook_on_play_start(self, play):
        self._file()
        self._begin(play.get_name().strip())

    def v2_runner_on_ok(self, result):
        host = self._host(result)
        self.seen.add(host)
        if not result.is_changed():
            return
        name = _of(result, "task").get_name().strip()
        hosts = self.tasks.setdefault(name, [])
        if host not in hosts:
            hosts.append(host)
        if host not in self.hosts:
            self.hosts.append(host)
        for resource in self._resources(result):
            if resource not in self.resources:
                self.resources.append(resource)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        host = self._host(result)
        self.seen.add(host)
        if not ignore_errors:
            self.failed.add(host)

    def v2_runner_on_unreachable(self, result):
        self.failed.add(self._host(result))

    def v2_playbook_on_stats(self, stats):
        self._file()
        revision = self.get_option("revision")
        hosts = sorted(self.seen - self.failed)
        if revision and hosts and not self._checking():
            self._foldback(
                "deployed", revision, "--on", ",".join(hosts), "--external-id", f"ansible-{self.run}"
            )

    def _host(self, result):
        """Where it happened: a delegated task is about the host that it was delegated to."""
        return _of(result, "task").delegate_to or _of(result, "host").get_name()

    def _resources(self, result):
        task, data = _of(result, "task"), _of(result, "result")
        if getattr(task, "no_log", False):
            return
        module = task.action.rpartition(".")[2]
        for one in data.get("results") or [data]:
            if not isinstance(one, dict) or not one.get("changed") or one.get("_ansible_no_log"):
                continue
            path = one.get("dest") or one.get("path")
            if module in FILES and isinstance(path, str) and path.startswith("/"):
                yield "file:" + path
            elif module in NAMED and isinstance(one.get("name"), str) and one["name"].strip():
                yield f"{NAMED[module]}:{one['name'].strip()}"

    def _checking(self):
        return bool(context.CLIARGS.get("check"))

    def _file(self):
        """File the play that has just ended, if it changed anything."""
        if not self.tasks or self._checking():
            return
        self.plays += 1
        lines = [
            f"{name}: {', '.join(hosts[:20])}{' …' if len(hosts) > 20 else ''}"
            for name, hosts in list(self.tasks.items())[:MOST_TASKS]
        ]
        title = f"Ansible: {self.name or self.playbook}"
        if self.playbook and self.playbook not in title:
            title += f" ({self.playbook})"
        message = "\n".join([f"Tasks that changed something: {len(self.tasks)}", *lines])
        words = [
            "log",
            title,
            "--on",
            ",".join(self.hosts),
            "--kind",
            self.get_option("kind"),
            "--message",
            message,
        ]
        for resource in self.resources[:MOST_RESOURCES]:
            words += ["--resource", resource]
        if self.get_option("incident"):
            words += ["--incident", self.get_option("incident")]
        self._foldback(*words, "--external-id", f"ansible-{self.run}-{self.plays}")

    def _foldback(self, *words):
        """Run the command, and say on the screen what became of it; whatever happens, the play goes on."""
        try:
            done = subprocess.run(
                [self.get_option("command"), *words, "--json"],
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
            told = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._display.warning(f"foldback: nothing was filed: {error}")
            return
        if done.returncode == 0:
            self._display.display(f"foldback: {told.get('reference', 'filed')}", color="blue")
        elif told.get("kept"):
            self._display.warning(f"foldback: kept for later: {told.get('why')}")
        else:
            self._display.warning(f"foldback: nothing was filed: {told.get('error', {}).get('detail')}")


def _of(result, name):
    """`host`, `task` or `result` of a task's result; ansible-core before 2.19 has them with an underscore."""
    found = getattr(result, name, None)
    return getattr(result, "_" + name) if found is None else found
