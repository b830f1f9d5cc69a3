"""The definition that a new installation begins with: it declares nothing, watches what hosts can list, and shows how."""

STARTER: dict[str, bytes] = {
    "definition.yaml": b"""\
format: 1
# What hosts are asked to list whole. What nobody declared there should stay as it was at the first look; a package that
# is installed by hand, a new user, a port that opens, is drift. So is a file below a directory that is named here: one
# that is edited, deleted or new, unless its package brought it so. Take out what you don't care about.
watched:
  - /etc
# - /usr/local/bin    # and what else people change by hand
  - packages
  - services          # enabled, masked, drop-ins
  - sysctl            # what files set at boot, and what the kernel has
  - users
  - groups
  - cron              # crontabs and systemd timers
  - mounts
  - kernel_modules
  - ports             # what listens, and which program
  - firewall
  - sudoers
  - authorized_keys   # fingerprints
# - containers        # where people start them, and no orchestrator does
# Directories in which every entry has to be declared, whatever was there at the first look, are marked
# `exhaustive: true` where they are declared.
# What is noise is named here, with the reason, and is counted as hidden:
# ignore:
#   - {path: /etc/mtab, reason: written by the system}
#   - {resource: "port:tcp/127.0.0.1:6*", reason: X11 over SSH}
# Paths whose content must never be read (shadow files, private keys and tokens are secret already):
# secret_paths:
#   - /srv/*/credentials.json
""",
    "base/resources.yaml": b"""\
# What every host should be. Later layers win: base, environments/<env>, roles/<role> in a host's order,
# environments/<env>/roles/<role>, hosts/<host>. Each is a directory of this shape:
#
# variables: {workers: 4}
# files:
#   /etc/motd: {content: "Authorised use only\\n", owner: root, group: root, mode: "0644"}
#   /etc/app/app.conf: {template: app.conf.j2}    # in base/templates/, Jinja2
#   /etc/app/app.ini: {source: app.ini}           # in base/files/, as it is
# directories:
#   /etc/app/conf.d: {mode: "0755", exhaustive: true}
# symlinks:
#   /etc/app/current: {target: releases/7}
# packages:
#   nginx: {version: "1.22.1-9"}
#   telnetd: {state: absent}
# services:
#   nginx: {enabled: true, running: true}
# sysctl:
#   net.core.somaxconn: "4096"
# users:
#   deploy: {uid: 2000, group: deploy, groups: [www-data], home: /srv/deploy, shell: /bin/bash}
# cron:
#   deploy: {jobs: ["0 3 * * * /usr/local/bin/backup"]}
""",
    "README.md": b"""\
# The release definition

What the hosts should look like, layer by layer. Foldback compares hosts with it, and folds fixes that were made
by hand back into it, each reviewed by a second person. Check it with `manage.py check_definition`.
""",
}
