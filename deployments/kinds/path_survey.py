"""Looks at files, directories and links of one host: listing, then rights and digests, then the content that is wanted.

A state is only ever made from a record in a complete section. Whatever is not proven stays unknown.
"""

from deployments.collector.question import Limits, Question
from deployments.collector.wire import Ask, Reply
from deployments.kinds.base import Findings
from deployments.kinds.path_content import Wanted, hashing, reading
from deployments.kinds.path_listing import Listing, Step
from deployments.kinds.path_rights import asking_rights
from deployments.kinds.path_roots import asking_packages
from deployments.kinds.path_scene import Scene


class PathSurvey:
    """A `Survey` of paths. Without `hmac_key`, the content of secret paths is unknown."""

    def __init__(self, question: Question, *, hmac_key: bytes | None, wanted: Wanted, limits: Limits) -> None:
        self._scene = Scene(question, limits, hmac_key)
        self._listing = Listing(self._scene)
        self._wanted = wanted
        self._step: Step = []
        self._steps_taken = 0

    def asks(self) -> list[Ask]:
        self._steps_taken += 1
        match self._steps_taken:
            case 1:
                self._step = self._listing.step()
            case 2:
                self._step = [*asking_rights(self._scene), *hashing(self._scene, self._wanted)]
            case 3:
                self._step = [*reading(self._scene), *asking_packages(self._scene)]
            case _:
                self._step = []
        return [ask for ask, _ in self._step]

    def take(self, replies: list[Reply]) -> None:
        for (_, taker), reply in zip(self._step, replies, strict=True):
            taker(reply)
        if self._steps_taken == 1:
            self._listing.settle()

    def findings(self) -> Findings:
        return self._scene.found
