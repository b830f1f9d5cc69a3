"""A simulated host is as its definition says, until something is done to it."""

import hashlib

import pytest

from benchmarks.fleet import FleetOptions, SimulatedFleet
from benchmarks.simulated.synthetic import ENVIRONMENT, OWN_FILES, ROLE, Make, address_of, index_of
from deployments.collector.protocol import Collection, Observation, Question
from deployments.collector.wire import program_input
from deployments.core.definition.model import DesiredManifest
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.states import ABSENT, Present, State
from inventory.core.host_view import HostView

NONCE = "n0123456789abcdef"


@pytest.fixture(scope="module")
def fleet() -> SimulatedFleet:
    return SimulatedFleet(FleetOptions(hosts=300, resources=200))


def desired(fleet: SimulatedFleet, host: int) -> DesiredManifest:
    known = fleet.inventory()[host]
    view = HostView(known["name"], ENVIRONMENT, (ROLE,), variables=known["variables"])
    return desired_manifest(parse_definition(fleet.definition()), view)


def look(fleet: SimulatedFleet, host: int) -> Observation:
    collection = Collection(Question.for_manifest(desired(fleet, host)), nonce=NONCE, hmac_key=b"k" * 32)
    while (program := collection.send()) is not None:
        collection.receive(fleet._answer(host, program))
    return collection.result()


def unlike(fleet: SimulatedFleet, host: int) -> dict[str, State]:
    """What is not as declared, with what is there; undeclared entries of exhaustive directories among it."""
    wanted, found = desired(fleet, host).resources, look(fleet, host).states
    return {
        name: state
        for name, state in found.items()
        if not (
            name in wanted
            and isinstance(state, Present)
            and isinstance(wanted[name].state, Present)
            and all(state.data.get(key) == wanted[name].state.data[key] for key in wanted[name].attributes)
        )
    }


@pytest.mark.parametrize("host", [0, 299])
def test_a_simulated_host_is_in_sync_with_its_definition(fleet: SimulatedFleet, host: int) -> None:
    observation = look(fleet, host)
    assert unlike(fleet, host) == {}
    assert observation.failure is None and not observation.problems
    assert set(observation.listed.values()) == {None}
    assert observation.facts["hostname"] == fleet.name(host) and observation.facts["os_id"] == "debian"


@pytest.mark.parametrize("resources", [40, 100, 1000, 2000])
def test_it_has_as_many_resources_as_it_is_asked_to_have(resources: int) -> None:
    made = SimulatedFleet(FleetOptions(hosts=2, resources=resources))
    manifests = [desired(made, host).resources for host in (0, 1)]
    assert len(manifests[0]) == resources
    own = {name for name in manifests[0] if manifests[0][name].state != manifests[1][name].state}
    assert own == {f"file:{path}" for path in OWN_FILES}


def test_an_edit_shows_and_its_neighbours_do_not_have_it(fleet: SimulatedFleet) -> None:
    fleet.append(5, "/etc/app/conf/00.d/0000.conf", b"by hand\n")
    fleet.edit(5, "/etc/app/conf/00.d/new.conf", b"new\n")
    fleet.remove(5, "/etc/hostname")
    fleet.chmod(5, "/etc/motd", 0o600)
    fleet.set_package(5, "package-0003", "9.9-9")
    found = unlike(fleet, 5)
    content = Make(200).shared_files()
    expected = next(content)[1] + b"by hand\n"
    edited = found.pop("file:/etc/app/conf/00.d/0000.conf")
    assert isinstance(edited, Present) and edited.data["sha256"] == hashlib.sha256(expected).hexdigest()
    assert found.pop("file:/etc/hostname") == ABSENT
    assert set(found) == {"file:/etc/app/conf/00.d/new.conf", "file:/etc/motd", "package:package-0003"}
    assert unlike(fleet, 6) == {}
    fleet.restore([5])
    assert unlike(fleet, 5) == {}


def test_a_forged_edit_shows_in_the_digest_and_not_in_the_listing(fleet: SimulatedFleet) -> None:
    before = look(fleet, 9).evidence["file:/etc/motd"]
    fleet.forge(9, "/etc/motd", b"forged")
    assert look(fleet, 9).evidence["file:/etc/motd"] == before
    assert set(unlike(fleet, 9)) == {"file:/etc/motd"}


def test_every_host_has_an_address_of_its_own() -> None:
    addresses = [address_of(index) for index in range(10_000)]
    assert len(set(addresses)) == 10_000
    assert [index_of(address) for address in addresses] == list(range(10_000))
    assert index_of("127.0.0.1") is None and index_of("127.1.0.251") is None


# --- the quick form --------------------------------------------------------------------------------------------


def quick(fleet: SimulatedFleet, host: int) -> list[bytes]:
    """The sums of a quick look, as its wire format says."""
    program = program_input(NONCE, []).replace(b"''", b"'0 sum\n" + QUICK + b"'")
    answer = fleet._answer(host, program)
    return [part for part in answer.split(b"\0") if len(part) == 64]


QUICK = b"1 about\n2 names\n2 list ./etc/motd ./etc/passwd\n2 tree 100000 ./etc/app/conf/00.d\n3 packages\n4 nothing"


def test_a_quick_look_answers_the_sums_of_what_a_full_one_would(fleet: SimulatedFleet) -> None:
    full = b"1 about\n2 names\n3 list ./etc/motd ./etc/passwd\n4 tree 100000 ./etc/app/conf/00.d\n5 packages\n6 nothing"
    answer = fleet._answer(1, program_input(NONCE, []).replace(b"''", b"'" + full + b"'"))
    marks = answer.split(b"\0" + NONCE.encode() + b" ")
    bodies = [mark.partition(b"\0")[2] for mark in marks if mark.startswith(b"begin")]
    statuses = [mark.partition(b"\0")[0].split(b" ", 2)[2] for mark in marks if mark.startswith(b"end")]
    assert statuses == [b"ok"] * 5 + [b"verb"]
    pieces = [body + b"\0" + status + b"\0" for body, status in zip(bodies, statuses, strict=True)]
    sections = [pieces[0], b"".join(pieces[1:4]), pieces[4], pieces[5]]
    assert quick(fleet, 1) == [hashlib.sha256(section).hexdigest().encode() for section in sections]


def test_a_sum_moves_with_what_it_sums_and_with_nothing_else(fleet: SimulatedFleet) -> None:
    before = quick(fleet, 20)
    assert quick(fleet, 20) == before
    assert [quick(fleet, 21)[section] == before[section] for section in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    fleet.append(20, "/etc/motd", b"x")
    assert [a == b for a, b in zip(quick(fleet, 20), before, strict=True)] == [True, False, True, True]
    fleet.restore([20])
    fleet.set_package(20, "package-0001", "9-9")
    assert [a == b for a, b in zip(quick(fleet, 20), before, strict=True)] == [True, True, False, True]
    fleet.restore([20])
    fleet.forge(20, "/etc/motd", b"x")
    assert quick(fleet, 20) == before
