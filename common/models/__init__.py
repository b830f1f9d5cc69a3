from common.models.heartbeat import Heartbeat
from common.models.idempotency import IdempotencyKey
from common.models.job import Job, JobBatch
from common.models.ledger import LedgerEntry
from common.models.outbox import EventDelivery, OutboxEvent
from common.models.person import LoginLink, Person, Token
from common.models.tally import Tally

__all__ = [
    "EventDelivery",
    "Heartbeat",
    "IdempotencyKey",
    "Job",
    "JobBatch",
    "LedgerEntry",
    "LoginLink",
    "OutboxEvent",
    "Person",
    "Tally",
    "Token",
]
