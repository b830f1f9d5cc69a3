"""Who is reached through whom: chains of jump hosts are short, and never come back to where they began."""

from collections.abc import Collection, Mapping

MOST_JUMPS = 3


def chain(host: str, jumps: Mapping[str, str]) -> list[str]:
    """The jump hosts on the way to a host, the nearest to it first; it ends where one comes up again or is one too many.

    `jumps` maps a host that has one to its jump host.
    """
    way = [host]
    while (hop := jumps.get(way[-1])) is not None and len(way) <= MOST_JUMPS + 1:
        way.append(hop)
        if hop in way[:-1]:
            break
    return way[1:]


def chain_problem(host: str, jumps: Mapping[str, str]) -> str | None:
    """Why this host can't be reached, or None."""
    way = [host, *chain(host, jumps)]
    if len(set(way)) < len(way):
        return f"{way[-1]} would be reached through itself: {' → '.join(way)}"
    if len(way) > MOST_JUMPS + 1:
        return f"that is more than {MOST_JUMPS} jump hosts in a row: {' → '.join(way)}"
    return None


def jump_problems(jumps: Mapping[str, str], changed: Collection[str]) -> dict[str, str]:
    """What is wrong with the ways that lead over the hosts in `changed`, by the host in `changed`."""
    problems: dict[str, str] = {}
    for host in (*(name for name in changed if name in jumps), *jumps):
        problem = chain_problem(host, jumps)
        if problem is None:
            continue
        for hop in (host, *chain(host, jumps)):
            if hop in changed:
                problems.setdefault(hop, problem)
                break
    return problems
