"""A client that asks a server as fast as it answers, or so many times a second; in a process of its own.

    python -m benchmarks.asking < JSON    {"port": …, "path": …, "headers": {…}, "seconds": 8, "connections": 8, "rate": 0,
                                           "body": {…}, "title": "…"}

`rate` 0: each connection asks again as soon as it is answered. Else requests begin at even distances, and the time of
one counts from when it should have begun: a server that stalls is not asked less. `title` makes bodies and
Idempotency-Keys distinct. Says one line of JSON: `{"answers": {"201": 800}, "seconds": 8.0, "times": […]}` (ms).
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

from config.supervise import CHECKOUT


def ask(**asked: Any) -> dict[str, Any]:
    """Run it, in another process, and take what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.asking"],
        cwd=CHECKOUT,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


class Asking:
    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.rate = float(asked.get("rate") or 0)
        self.times: list[float] = []
        self.answers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._next = 0

    def run(self) -> dict[str, Any]:
        threads = [threading.Thread(target=self._work) for _ in range(self.asked["connections"])]
        self.begin = time.perf_counter() + 0.05
        self.end = self.begin + self.asked["seconds"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - self.begin
        return {"answers": dict(self.answers), "seconds": seconds, "times": sorted(self.times)}

    def _turn(self) -> float | None:
        """When the next request should begin; None when it is over."""
        if not self.rate:
            now = time.perf_counter()
            return now if now < self.end else None
        with self._lock:
            due = self.begin + self._next / self.rate
            self._next += 1
        if due >= self.end:
            return None
        time.sleep(max(0.0, due - time.perf_counter()))
        return due

    def _work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.asked["port"], timeout=60)
        times, answers = [], Counter[str]()
        while (due := self._turn()) is not None:
            key = str(uuid4())
            body = json.dumps({**self.asked["body"], "title": f"{self.asked['title']} {key}"})
            headers = {**self.asked["headers"], "Content-Type": "application/json", "Idempotency-Key": key}
            try:
                connection.request("POST", self.asked["path"], body, headers)
                answer = connection.getresponse()
                answer.read()
                answers[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                answers[type(error).__name__] += 1
                connection.close()
            times.append((time.perf_counter() - due) * 1000)
        connection.close()
        with self._lock:
            self.times += times
            self.answers += answers


def percentile(times: list[float], percent: float) -> float:
    """Of sorted times: the one that so many percent do not exceed."""
    return times[max(0, -(-len(times) * int(percent * 10) // 1000) - 1)]


def main() -> None:
    print(json.dumps(Asking(json.loads(sys.stdin.read())).run()), flush=True)


if __name__ == "__main__":
    main()
