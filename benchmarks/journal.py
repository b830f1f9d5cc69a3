"""A client of the API that keeps a journal of its own: which changes it logged, and which of them were acknowledged.

It is a CI job in the middle of an outage: each change has an Idempotency-Key, and is sent again with it until an answer
comes. What the service then has is compared with the journal.
"""

import logging
import threading
import time
from collections import Counter
from types import TracebackType
from uuid import uuid4

import httpx

from changemgmt.models import Change

PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 120.0


class Journal:
    """`with Journal(url, token) as journal:` logs one change after the other from a thread, until it is left.

    `acknowledged` has title → reference. Every second change is sent once only: of those that were not answered nobody
    knows, and they may be there or not.
    """

    def __init__(self, url: str, token: str, *, name: str = "crash") -> None:
        self.name = name
        self.sent: list[str] = []
        self.acknowledged: dict[str, str] = {}
        self.refused: list[str] = []
        self.tries = 0
        self._client = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)

    def __enter__(self) -> "Journal":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=PATIENCE_SECONDS)
        self._client.close()

    def _write(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            title = f"{self.name} {len(self.sent)}"
            self.sent.append(title)
            self._log(title, once=len(self.sent) % 2 == 0)

    def _log(self, title: str, *, once: bool) -> None:
        key, until = str(uuid4()), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            self.tries += 1
            try:
                answer = self._client.post(
                    "/changes/", json={"title": title}, headers={"Idempotency-Key": key}
                )
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.is_success:
                self.acknowledged[title] = answer.json()["reference"]
                return
            if answer is not None and answer.status_code < 500:
                self.refused.append(f"{title}: {answer.status_code} {answer.text[:300]}")
                return
            if once:
                return
            time.sleep(PAUSE_SECONDS)
        self.refused.append(f"{title}: no answer within {PATIENCE_SECONDS:.0f} s")

    def problems(self) -> list[str]:
        """How the database differs from the journal: what was acknowledged and is not there, or is there twice."""
        there = Change.objects.filter(title__startswith=f"{self.name} ")
        references = {change.title: change.reference for change in there}
        times = Counter(change.title for change in there)
        lost = [
            f"{title} was acknowledged as {reference} and is not there"
            for title, reference in self.acknowledged.items()
            if references.get(title) != reference
        ]
        twice = [f"{title} is there {count} times" for title, count in times.items() if count > 1]
        strange = [f"{title} is there and was never sent" for title in set(times) - set(self.sent)]
        return lost + twice + strange + self.refused
