"""Where what hosts share is said, and that nothing is dropped without a word."""

from deployments.core.states import Unknown
from tests.core.adopting import Shop, after, assert_renders_to_live, said


def shop() -> Shop:
    """Two environments; web hosts in both, databases in one."""
    made = Shop()
    for name in ("web-1", "web-2", "web-3"):
        made.host(name, "prod", "web", address=f"10.0.0.{name[-1]}")
    made.host("web-9", "dev", "web", address="10.0.9.9")
    made.host("db-1", "prod", "db", address="10.0.1.1")
    made.host("db-2", "prod", "db", address="10.0.1.2")
    return made


WEB = ("web-1", "web-2", "web-3", "web-9")
DB = ("db-1", "db-2")


def test_what_all_hosts_share_is_said_once_in_base() -> None:
    fleet = shop()
    fleet.file("/etc/motd", "hello\n")
    fleet.put("package:curl", {"version": "7.88.1-10", "hold": False})
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert said(plan, "base") == (
        'packages:\n  curl: {version: "7.88.1-10"}\n\n'
        'files:\n  /etc/motd: {content: "hello\\n", owner: root, group: root, mode: "0644"}\n'
    )
    assert set(plan.layers) == {"base"}


def test_what_the_hosts_of_a_role_or_an_environment_share_is_said_there() -> None:
    fleet = shop()
    fleet.put("package:nginx", {"version": "1.22", "hold": False}, *WEB)
    fleet.put("package:prometheus", {"version": "2", "hold": False}, "web-1", "web-2", "web-3", *DB)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert said(plan, "roles/web") == 'packages:\n  nginx: {version: "1.22"}\n'
    assert said(plan, "environments/prod") == 'packages:\n  prometheus: {version: "2"}\n'
    assert set(plan.layers) == {"roles/web", "environments/prod"}


def test_each_attribute_is_said_where_it_is_shared() -> None:
    fleet = shop()
    user = {"uid": 2000, "group": "deploy", "home": "/home/deploy", "shell": "/bin/bash"}
    fleet.put("user:deploy", user | {"groups": []}, *DB)
    fleet.put("user:deploy", user | {"groups": ["www-data"]}, *WEB)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert "deploy: {uid: 2000, group: deploy, home: /home/deploy, shell: /bin/bash}" in said(plan, "base")
    assert said(plan, "roles/web") == "users:\n  deploy: {groups: [www-data]}\n"
    assert (
        "roles/db" not in plan.layers
    )  # no further groups: what is expected is not said where it is watched


def test_a_host_that_differs_from_most_says_only_that_itself() -> None:
    fleet = shop()
    fleet.file("/etc/nginx/nginx.conf", "workers 4;\n" * 9, "web-1", "web-2", "web-9")
    fleet.file("/etc/nginx/nginx.conf", "workers 8;\n" * 9, "web-3")
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert set(plan.layers) == {"roles/web", "hosts/web-3"}
    assert said(plan, "hosts/web-3") == "files:\n  /etc/nginx/nginx.conf: {source: etc/nginx/nginx.conf}\n"
    assert plan.edits["roles/web/files/etc/nginx/nginx.conf"].startswith(b"workers 4;")


def test_a_role_with_one_host_says_what_that_host_has_but_for_what_names_it() -> None:
    fleet = shop()
    fleet.host("cache-1", "prod", "cache", address="10.0.2.1")
    fleet.put("package:redis", {"version": "7", "hold": False}, "cache-1")
    fleet.file("/etc/redis/redis.conf", "bind 10.0.2.1\n", "cache-1")
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert "redis: " in said(plan, "roles/cache")
    assert "bind 10.0.2.1" in said(plan, "hosts/cache-1")


def test_files_that_differ_by_the_hosts_own_name_and_address_become_one_template() -> None:
    fleet = shop()
    for name, view in fleet.views.items():
        fleet.file("/etc/hostname", f"{name}\n", name)
        fleet.file("/etc/hosts", f"127.0.0.1 localhost\n{view.address} {name}.example.org {name}\n", name)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert set(plan.layers) == {"base"}
    assert plan.edits["base/templates/etc/hostname.j2"] == b"{{ host.name }}\n"
    assert plan.edits["base/templates/etc/hosts.j2"] == (
        b"127.0.0.1 localhost\n{{ host.address }} {{ host.name }}.example.org {{ host.name }}\n"
    )


def test_what_two_facts_would_explain_equally_well_is_no_template_and_says_why() -> None:
    fleet = Shop()
    for number in (1, 2, 3):
        fleet.host(f"web-{number}", "prod", "web", variables={"shard": f"s-{number}", "rack": f"s-{number}"})
        fleet.file("/etc/shard", f"shard s-{number}\n", f"web-{number}")
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert not plan.templates
    assert [note.text for note in plan.notes] == [
        "no template: line 1: rack and shard would explain it equally well"
    ]


def test_a_difference_so_small_that_it_may_be_chance_is_no_template() -> None:
    fleet = Shop()
    for name, workers in (("web-1", 4), ("web-2", 8)):
        fleet.host(name, "prod", "web", variables={"cores": workers})
        fleet.file("/etc/app.conf", f"workers {workers}\n", name)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert not plan.templates
    assert "may be chance" in plan.notes[0].text


def test_a_text_with_marks_of_templates_in_it_is_never_made_one() -> None:
    fleet = shop()
    for name in WEB:
        fleet.file("/etc/app.conf", f"{name} {{{{ x }}}}\n", name)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert not plan.templates


def test_secrets_are_declared_without_their_content_and_listed() -> None:
    fleet = shop()
    key = {"type": "file", "owner": "root", "group": "root", "mode": "0600", "hmac": "x"}
    for name in fleet.views:
        fleet.put("file:/etc/ssl/private/site.key", key | {"hmac": name}, name)
    fleet.file("/etc/app.ini", "password = [redacted]\n", secrets=1)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert (
        '/etc/ssl/private/site.key: {secret: etc-ssl-private-site.key, owner: root, group: root, mode: "0600"}'
        in (said(plan, "base"))
    )
    assert "/etc/app.ini: {secret: etc-app.ini," in said(plan, "base")
    assert all(b"redacted" not in content for content in plan.edits.values())
    assert {one.resource for one in plan.left_out if one.only_content} == {
        "file:/etc/ssl/private/site.key",
        "file:/etc/app.ini",
    }


def test_what_could_not_be_seen_or_read_is_left_out_with_the_reason() -> None:
    fleet = shop()
    fleet.put("file:/etc/denied", Unknown("denied"))
    fleet.put("file:/etc/socket", {"type": "other", "owner": "root", "group": "root", "mode": "0644"})
    binary = {"type": "file", "owner": "root", "group": "root", "mode": "0644", "sha256": "0" * 64}
    fleet.put("file:/etc/binary", binary)
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert {(one.resource, one.only_content) for one in plan.left_out} == {
        ("file:/etc/denied", False),
        ("file:/etc/socket", False),
        ("file:/etc/binary", True),
    }
    assert '/etc/binary: {owner: root, group: root, mode: "0644"}' in said(plan, "base")


def test_one_fact_is_adopted_once() -> None:
    fleet = shop()
    fleet.file("/etc/passwd", "root:x:0:0\n")
    fleet.file("/etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n")
    fleet.file("/etc/machine-id", "abc\n")
    fleet.put(
        "symlink:/etc/systemd/system/multi-user.target.wants/nginx.service",
        {
            "type": "symlink",
            "target": "/lib/systemd/system/nginx.service",
            "owner": "root",
            "group": "root",
        },
    )
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert not plan.edits
    assert {one.reason for one in plan.left_out} == {
        "compared as users",
        "compared as mounts",
        "compared as services",
        "identity of the host, or volatile",
    }


def test_where_users_are_not_adopted_their_file_is() -> None:
    fleet = shop()
    fleet.file("/etc/passwd", "root:x:0:0\n")
    plan = fleet.adopt(sections=("files",))
    assert "/etc/passwd" in said(plan, "base")


def test_what_a_package_ships_is_left_to_it_until_one_host_changed_it() -> None:
    fleet = shop()
    fleet.file("/etc/nginx/mime.types", "types\n", *WEB)
    fleet.file("/etc/nginx/nginx.conf", "shipped\n", "web-1", "web-2", "web-3")
    fleet.file("/etc/nginx/nginx.conf", "changed\n", "web-9")
    shipped = frozenset({"/etc/nginx/mime.types", "/etc/nginx/nginx.conf"})
    fleet.more = {name: {"shipped": shipped} for name in WEB[:3]}
    fleet.more["web-9"] = {"shipped": frozenset({"/etc/nginx/mime.types"})}
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert [one.resource for one in plan.left_out] == ["file:/etc/nginx/mime.types"]
    assert "nginx.conf" in said(plan, "roles/web") and "changed" in said(plan, "environments/dev/roles/web")


def test_services_are_adopted_where_somebody_switched_them_on_and_all_others_are_watched() -> None:
    fleet = shop()
    on = {"enabled": True, "running": True, "masked": False, "drop_ins": {}}
    fleet.put("service:nginx", on, *WEB)
    fleet.put("service:nginx", on | {"running": False}, "web-2")
    fleet.put("service:getty@tty1", on | {"enabled": False, "running": False})
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert said(plan, "roles/web") == ("services:\n  nginx: {enabled: true, running: true}\n")
    assert said(plan, "hosts/web-2") == "services:\n  nginx: {running: false}\n"


def test_a_layer_never_speaks_to_a_host_that_was_not_looked_at() -> None:
    fleet = shop()
    fleet.put("package:nginx", {"version": "1.22", "hold": False}, *WEB)
    plan = fleet.adopt("web-1", "web-2")
    assert set(plan.layers) == {"hosts/web-1", "hosts/web-2"} and not plan.unlisted
    wide = fleet.adopt("web-1", "web-2", others=True)
    assert set(wide.layers) == {"base"}
    assert wide.unlisted == ("web-3", "web-9", "db-1", "db-2")


def test_a_directory_is_exhaustive_only_where_all_that_is_in_it_is_declared() -> None:
    fleet = shop()
    directory = {"type": "directory", "owner": "root", "group": "root", "mode": "0755"}
    for path in ("/etc/nginx", "/etc/nginx/conf.d", "/etc/profile.d"):
        fleet.put(f"directory:{path}", directory)
    fleet.file("/etc/nginx/conf.d/app.conf", "a\n")
    fleet.file("/etc/profile.d/x.sh", "a\n")
    fleet.put(
        "file:/etc/profile.d/socket", {"type": "other", "owner": "root", "group": "root", "mode": "0644"}
    )
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert plan.exhaustive == ("/etc/nginx/conf.d",)
    assert '/etc/nginx/conf.d: {owner: root, group: root, mode: "0755", exhaustive: true}' in said(
        plan, "base"
    )
    assert [note.resource for note in plan.notes] == ["directory:/etc/profile.d"]
    assert fleet.adopt(exhaustive="none").exhaustive == ()
    assert fleet.adopt(exhaustive=("/etc/nginx",)).exhaustive == ("/etc/nginx",)


EXISTING = {
    "definition.yaml": "format: 1\n# ours\n",
    "base/resources.yaml": '# what we say\nfiles:\n  /etc/motd: {content: "theirs\\n"}   # kept\n\npackages: {}\n',
    "roles/web/resources.yaml": 'files: {/etc/app: {mode: "0600"}}\n',
    "hosts/web-1/resources.yaml": "files:\n  /etc/local: null\n",
}


def test_what_the_definition_says_already_is_never_overridden() -> None:
    fleet = shop()
    fleet.definition = Shop(EXISTING).definition
    fleet.file("/etc/motd", "live\n")
    fleet.file("/etc/app", "one\n")
    fleet.file("/etc/local", "here\n")
    for number in range(8):
        fleet.file(f"/etc/new-{number}", "new\n")
        fleet.put(f"package:p{number}", {"version": "1", "hold": False})
    plan = fleet.adopt()
    base = plan.edits["base/resources.yaml"].decode()
    assert base.startswith(EXISTING["base/resources.yaml"].partition("\npackages")[0])
    assert '  /etc/new-7: {content: "new\\n", owner: root, group: root, mode: "0644"}\n' in base
    assert "/etc/app" not in said(plan, "roles/web") and "/etc/app" in said(plan, "roles/db")
    assert "/etc/local" not in base and "/etc/local" in said(plan, "hosts/web-2")
    assert plan.already == 6 + 4 + 1
    made = after(fleet, plan)
    assert made.layers["base"].declarations["file:/etc/motd"].attributes["content"].value == "theirs\n"  # type: ignore[index]
    assert plan.edits["definition.yaml"].decode().startswith("format: 1\n# ours\n")
    assert "packages" in made.watched
    assert plan.renders


def test_an_adoption_of_what_was_adopted_adds_nothing() -> None:
    fleet = shop()
    fleet.file("/etc/motd", "hello\n" * 30)
    fleet.put("sysctl:net.core.somaxconn", {"value": "4096", "persisted": "4096"})
    plan = fleet.adopt()
    assert '  net.core.somaxconn: "4096"\n' in said(plan, "base")
    fleet.definition = after(fleet, plan)
    again = fleet.adopt()
    assert not again.edits and again.already == 12


def test_long_lists_are_written_one_item_a_line() -> None:
    fleet = shop()
    jobs = [f"{hour} 3 * * * root /usr/local/bin/some-report --hour {hour}" for hour in range(3)]
    fleet.put("cron:/etc/cron.d/report", {"jobs": jobs})
    fleet.put("cron:deploy", {"jobs": ["@daily true"]})
    plan = fleet.adopt()
    assert_renders_to_live(fleet, plan)
    assert said(plan, "base") == (
        "cron:\n  /etc/cron.d/report:\n    jobs:\n"
        + "".join(f'      - "{job}"\n' for job in jobs)
        + '  deploy: {jobs: ["@daily true"]}\n'
    )
