"""The definition that a new installation begins with: it declares nothing, and shows how."""

STARTER: dict[str, bytes] = {
    "definition.yaml": b"""\
format: 1
# Directories in which every entry has to be declared are marked `exhaustive: true` where they are declared.
# Paths that are noise are named here, with the reason, and are counted as hidden:
# ignore:
#   - {path: /etc/mtab, reason: written by the system}
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
""",
    "README.md": b"""\
# The release definition

What the hosts should look like, layer by layer. Foldback compares hosts with it, and folds fixes that were made
by hand back into it, each reviewed by a second person. Check it with `manage.py check_definition`.
""",
}
