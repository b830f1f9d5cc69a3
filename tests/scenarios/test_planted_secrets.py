"""Secrets that people leave on hosts, found nowhere in what Foldback keeps, logs or shows.

Real SSH, real processes, real Git. The second test turns redaction off in the worker, and finds them: so the search
can find what is there.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.db import connection

from common import clock
from common.core.actor import SYSTEM
from common.models import LedgerEntry, Person
from common.services.people import create_login_link
from demo import trees
from deployments.core.content_digests import keyed_digest
from drift.models import Blob, Finding, Occurrence
from tests.planted import KINDS, Planted, forms, plant
from tests.scenarios import leaks
from tests.scenarios.shop import DEFINITION, Shop
from tests.scenarios.stack import ADDRESS, Stack, wait_until
from tests.scenarios.test_rest_loop import ok, refused, results, scan

pytestmark = pytest.mark.slow

SEED = 20260303
COUNT = 210
SECRET_FILE = "/etc/app/db.password"
NGINX, APP, PLACES = "/etc/nginx/nginx.conf", "/srv/app/app.ini", "/etc/nginx/conf.d"
EXTRA = {
    "roles/web/resources.yaml": DEFINITION["roles/web/resources.yaml"].replace(
        "files:\n",
        "  /etc/cron.d: {exhaustive: true}\n"
        "  /etc/systemd/system/app.service.d: {exhaustive: true}\n"
        "files:\n"
        f'  {SECRET_FILE}: {{secret: db-password, mode: "0600"}}\n'
        f"  {APP}: {{source: app.ini}}\n",
    ),
    "roles/web/files/app.ini": "[app]\nworkers = 4\npassword = committed-by-somebody\n",
}
# Somebody committed this one: the definition holds it in plain, and it stays out of everything else.
COMMITTED = "committed-by-somebody"
FIRST, SECOND = "the-first-db-secret-9f3", "the-second-db-secret-1c7"

OFF = """
import sys
from deployments.core import secret_commands, secret_shapes
secret_shapes.redact_shapes = lambda text, **_: (text, 0)
secret_commands.hide_in_commands = lambda text, hide: (text, 0)
from celery.__main__ import main
sys.argv = ["celery", *sys.argv[1:]]
main()
"""


class Unredacted(Stack):
    """The worker stores what hosts send as it is."""

    def _command(self, name: str) -> list[str]:
        usual = super()._command(name)
        return [sys.executable, "-c", OFF, *usual[3:]] if name == "worker" else usual


class World:
    """A shop of four hosts in which people left secrets, and all that was made of it."""

    def __init__(self, shop: Shop, stack: Stack) -> None:
        self.shop, self.stack = shop, stack
        self.clients = {name: stack.client(shop.tokens[name]) for name in ("ana", "ben", "cy", "dee")}
        self.pieces: list[Planted] = plant(SEED, COUNT)
        self.answers: list[tuple[str, str]] = []
        self.contents: list[str] = []

    @property
    def secrets(self) -> list[str]:
        return [secret for piece in self.pieces for secret in piece.secrets]

    def plant(self) -> None:
        """Into managed files, undeclared ones, drop-ins, crontabs, comments, and beside files of secret names."""
        pieces = iter(self.pieces)
        for name in self.shop.names[:2]:
            for path in (NGINX, APP, "/etc/motd"):
                self._write(name, path, [next(pieces) for _ in range(14)], append=True)
            for number in range(3):
                self._write(name, f"{PLACES}/site{number}.conf", [next(pieces) for _ in range(12)])
            self._write(name, "/etc/cron.d/backup", [next(pieces) for _ in range(8)])
            self._write(
                name, "/etc/systemd/system/app.service.d/local.conf", [next(pieces) for _ in range(8)]
            )
            self._write(name, f"{PLACES}/server.key", [next(pieces)])
            self._write(name, f"{PLACES}/README", [next(pieces)])
            self._write(name, f"{PLACES}/.htpasswd~", [next(pieces)])
        left = list(pieces)
        big = "# padding\n" * 30_000  # larger than what is read
        self._write("web-1", f"{PLACES}/big.conf", left[: len(left) // 2], before=big)
        latin = "".join(f"# größe\n{piece.text}\n" for piece in left[len(left) // 2 :])
        target = self.shop.path("web-2", f"{PLACES}/latin.conf")
        target.write_bytes(latin.encode("latin-1"))

    def _write(
        self, name: str, path: str, pieces: list[Planted], *, append: bool = False, before: str = ""
    ) -> None:
        target = self.shop.path(name, path)
        text = target.read_text() if append else before
        for number, piece in enumerate(pieces):
            text += f"\n# {number}: {piece.kind}\n{piece.text}\n"
        self.contents.append(text)
        trees.write(target, text, at=clock.now())

    def work(self) -> None:
        """All that people do with what was found: look at it, claim it, try to fold it back, waive it, report it."""
        ana, ben = self.clients["ana"], self.clients["ben"]
        self.report = scan(ana, "role=web")
        found = results(ana.get("/findings/?state=open&limit=200"))
        self.resources = {finding["resource"] for finding in found}
        for finding in found:
            reference = finding["reference"]
            self.keep(f"placements of {reference}", ana.get(f"/findings/{reference}/placements/"))
            proposal = {"kind": "fold-back", "findings": [reference], "reason": "Keep it."}
            self.keep(f"fold-back of {reference}", ana.post("/decisions/", json=proposal))
            self.keep(f"claim of {reference}", ana.post(f"/findings/{reference}/claim/", json={}))
        waive = {
            "kind": "waive",
            "findings": [found[0]["reference"]],
            "reason": "Later.",
            "until": "2030-01-01",
        }
        self.keep("waiver", ana.post("/decisions/", json=waive))
        self.keep(
            "dry run",
            ben.post("/decisions/?dry_run=true", json=waive | {"findings": [found[1]["reference"]]}),
        )

    def keep(self, what: str, answer: httpx.Response) -> None:
        assert answer.status_code < 500, (what, answer.text)
        self.answers.append((what, answer.text))

    def everything(self) -> Iterator[tuple[str, str]]:
        yield from leaks.tables()
        yield from leaks.git_objects(Path(settings.DEFINITION_PATH))
        yield from leaks.files(self.stack.folder, "*.log")
        yield from leaks.valkey(ADDRESS, self.stack.redis_port)
        yield from self.answers
        yield from leaks.routes(self.clients["cy"])  # who sees most
        yield from leaks.pages(self.window(), f"{self.stack.url}/")

    def window(self) -> httpx.Client:
        """A signed-in session of the console."""
        secret = create_login_link(actor=SYSTEM, person=Person.objects.get(username="ana"))
        client = httpx.Client(base_url=self.stack.url, timeout=60, follow_redirects=True)
        link = next(path for path in (f"/sign-in/{secret}/",))
        page = client.get(link)
        token = client.cookies.get("csrftoken", "")
        page = client.post(
            link, data={"csrfmiddlewaretoken": token}, headers={"Referer": f"{self.stack.url}{link}"}
        )
        assert page.status_code == 200, page.text
        return client


@pytest.fixture
def shop(tmp_path: Path, definition_path: Path, transactional_db: None) -> Iterator[Shop]:
    with Shop(tmp_path, hosts=3, definition={**DEFINITION, **EXTRA}).served() as shop:
        for name in shop.names:
            trees.write(shop.path(name, SECRET_FILE), FIRST, at=clock.now(), mode=0o600)
        yield shop


def test_planted_secrets_are_found_nowhere(shop: Shop, stack: Stack) -> None:
    stack.start()
    world = World(shop, stack)
    ana = world.clients["ana"]
    assert scan(ana, "role=web")["counts"]["resources"]["drifted"] == 0
    world.plant()
    for name in ("web-1", "web-2"):
        trees.write(shop.path(name, SECRET_FILE), SECOND, at=clock.now(), mode=0o600)
    trees.write(shop.path("web-3", SECRET_FILE), FIRST + SECOND, at=clock.now(), mode=0o600)
    world.work()

    # All of it was found, and nothing of it is folded back.
    expected = {f"file:{path}" for path in (NGINX, APP, "/etc/motd", SECRET_FILE, "/etc/cron.d/backup")}
    assert (
        expected | {f"file:{PLACES}/{name}" for name in ("site0.conf", "server.key", "big.conf")}
        <= world.resources
    )
    assert shop.repository.head() == shop.repository.log(1)[0].sha
    assert all('"patch"' not in text for what, text in world.answers if what.startswith("fold-back"))
    assert len(KINDS) >= 20 and len(world.pieces) >= 200

    # The same content on two hosts is one finding, another content another one, and nobody sees which.
    secret = Finding.objects.filter(resource=f"file:{SECRET_FILE}")
    assert sorted(sorted(o.host.name for o in f.occurrences.all()) for f in secret) == [
        ["web-1", "web-2"],
        ["web-3"],
    ]
    a_failure_with_a_traceback(world)

    secrets = [*world.secrets, FIRST, SECOND]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (*world.contents, FIRST, SECOND)]
    searched = list(world.everything())
    print(
        f"seed {SEED}: {len(secrets)} secrets in {len(searched)} places, {sum(len(t) for _, t in searched):,} characters"
    )
    assert_searched_everywhere(searched)
    assert leaks.found_in(searched, [*secrets, *digests]) == []
    committed = leaks.found_in(searched, [COMMITTED])
    assert {place.partition(" ")[0] for place, _ in committed} <= {"git"}, committed
    definition = shop.repository.files(shop.repository.head())["roles/web/files/app.ini"]
    assert leaks.found_in(searched, [hashlib.sha256(definition).hexdigest()]) == []


def assert_searched_everywhere(searched: list[tuple[str, str]]) -> None:
    """The search is only worth something where it looked: each kind of place was there, with what belongs there."""
    places = {place.partition(" ")[0] for place, _ in searched}
    assert {"table", "git", "file", "valkey", "api", "page", "report", "placements", "fold-back"} <= places
    text = dict(searched)
    assert "[redacted]" in text["table drift_blob"] and "[redacted]" in text["table drift_finding"]
    assert "Traceback" in text["file worker.log"]
    assert sum(place.startswith("page ") and "[redacted]" in text for place, text in searched) >= 5
    assert sum(place.startswith("api /findings/") and "[redacted]" in text for place, text in searched) >= 5
    assert any(place.startswith("api /definition/hosts/") for place in text)


def a_failure_with_a_traceback(world: World) -> None:
    """The database refuses what a host shows, and says in its message all of the row that it refused."""
    ana = world.clients["ana"]
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE drift_blob ADD CONSTRAINT refuses CHECK (text NOT LIKE '%refuse me%') NOT VALID"
        )
    try:
        pieces = plant(SEED + 1, 5)
        world.pieces += pieces
        world._write("web-3", f"{PLACES}/refused.conf", pieces, before="# refuse me\n")
        counts = scan(ana, "name=web-3")["counts"]["hosts"]
        assert counts["ok"] == 0
        assert "Failing row contains" in world.stack.log("worker")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE drift_blob DROP CONSTRAINT refuses")


def test_the_search_finds_them_all_when_redaction_is_off(
    shop: Shop, tmp_path: Path, definition_path: Path
) -> None:
    with Unredacted(tmp_path) as stack:
        stack.start()
        world = World(shop, stack)
        scan(world.clients["ana"], "role=web")
        world.plant()
        world.report = scan(world.clients["ana"], "role=web")
        in_text = [p for p in world.pieces if Blob.objects.filter(text__contains=p.text).exists()]
        assert len(in_text) > 150
        leaked = {
            secret for _, secret in leaks.found_in(leaks.tables(), [s for p in in_text for s in p.secrets])
        }
        missed = [p.kind for p in in_text if not leaked & set(p.secrets)]
        assert missed == []
        shown = list(leaks.routes(world.clients["ana"]))
        assert len(leaks.found_in(shown, world.secrets)) > 100


def test_a_declared_secret_shows_that_it_moved_and_what_to_do(shop: Shop, stack: Stack) -> None:
    stack.start()
    world = World(shop, stack)
    ana = world.clients["ana"]
    scan(ana, "role=web")
    for name in ("web-1", "web-2"):
        trees.write(shop.path(name, SECRET_FILE), SECOND, at=clock.now(), mode=0o600)
    report = scan(ana, "role=web")
    [finding] = results(ana.get("/findings/?state=open"))
    assert (finding["resource"], finding["hosts"]["open"]) == (f"file:{SECRET_FILE}", 2)
    diff = ok(ana.get(f"/findings/{finding['reference']}/diff/"))
    [variant] = diff["variants"]
    assert variant["live"]["text"] is None and "secret" in variant["live"]["why_no_text"]
    page = world.window().get(f"/findings/{finding['reference']}/").text
    for text in (page, world.clients["ana"].get(f"/reports/scans/{report['reference']}/?format=html").text):
        assert "secret" in text.lower()
        assert FIRST not in text and SECOND not in text
    refusal = ana.post(
        "/decisions/", json={"kind": "fold-back", "findings": [finding["reference"]], "reason": "Keep."}
    )
    assert refused(refusal) == 422 and "change the secret instead" in refusal.text

    # On one host it is put back; on the other it was exchanged on purpose, and that is reported.
    trees.write(shop.path("web-1", SECRET_FILE), FIRST, at=clock.now(), mode=0o600)
    deployed = {"revision": shop.repository.head(), "hosts": ["web-2"], "resources": [f"file:{SECRET_FILE}"]}
    moved = ok(world.clients["ben"].post("/deployments/", json=deployed))
    wait_until(
        lambda: LedgerEntry.objects.filter(action="deployment.applied").exists(), what=f"{moved['reference']}"
    )
    scan(ana, "role=web")
    assert results(ana.get("/findings/?state=open")) == []


def test_the_definition_s_own_secret_is_compared_and_never_folded(shop: Shop, stack: Stack) -> None:
    stack.start()
    world = World(shop, stack)
    ana = world.clients["ana"]
    scan(ana, "role=web")
    shop.edit(APP, COMMITTED, "somebody-rotated-it", on=["web-1"])
    shop.edit(APP, "workers = 4", "workers = 8", on=["web-2"])
    scan(ana, "role=web")
    found = results(ana.get("/findings/?state=open"))
    assert len(found) == 2
    for finding in found:
        proposal = {"kind": "fold-back", "findings": [finding["reference"]], "reason": "Keep."}
        answer = ana.post("/decisions/", json=proposal)
        assert refused(answer) == 422 and "declared with secret:" in answer.text
    live = Occurrence.objects.get(host__name="web-1").live["data"]["sha256"]
    content = shop.path("web-1", APP).read_bytes()
    assert live == keyed_digest(settings.HMAC_KEY, hashlib.sha256(content).hexdigest())
    # Put back, and it is as declared again.
    shop.push("web-1", "web-2")
    scan(ana, "role=web")
    assert results(ana.get("/findings/?state=open")) == []


def test_the_forms_of_a_secret_are_what_they_say() -> None:
    import base64

    for shift in range(3):
        wrapped = base64.b64encode(b"x" * shift + b"a-secret-of-some-length" + b"rest").decode()
        assert any(form in wrapped for form in forms("a-secret-of-some-length"))
