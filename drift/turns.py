"""Whose turn is next, on an event loop: each in its order, and those again that came away with nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from common.clock import monotonic

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Turn(Generic[_Item]):
    """Which attempt this is, from 1; `since` is when the first one was due."""

    item: _Item
    since: float
    attempt: int = 1


class Turns(Generic[_Item]):
    """Those whose pause is over go first, then the others in their order. Who pauses holds nobody's place."""

    def __init__(self, items: AsyncIterable[_Item] | Iterable[_Item]) -> None:
        self._source = _source(items)
        self._all_taken = False
        self._taking = asyncio.Lock()
        self._rested: asyncio.Queue[Turn[_Item]] = asyncio.Queue()
        self._to_come_back = 0

    async def next(self) -> Turn[_Item] | None:
        """None when there is none for whoever asks. (Who has one in hand may still put it back, and asks again then.)"""
        async with self._taking:
            if self._rested.empty() and not self._all_taken:
                async for item in self._source:
                    return Turn(item, monotonic())
                self._all_taken = True
            if not self._to_come_back:
                return None
            turn = await self._rested.get()
            self._to_come_back -= 1
            return turn

    def again(self, turn: Turn[_Item], pause: float) -> None:
        """Let it have another turn, in `pause` seconds."""
        self._to_come_back += 1
        another = replace(turn, attempt=turn.attempt + 1)
        asyncio.get_running_loop().call_later(pause, self._rested.put_nowait, another)

    async def close(self) -> None:
        await self._source.aclose()


async def _source(items: AsyncIterable[_Item] | Iterable[_Item]) -> AsyncGenerator[_Item, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
