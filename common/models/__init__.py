from common.models.idempotency import IdempotencyKey
from common.models.job import Job, JobBatch
from common.models.ledger import LedgerEntry
from common.models.outbox import EventDelivery, OutboxEvent
from common.models.person import LoginLink, Person, Token

__all__ = [
    "EventDelivery",
    "IdempotencyKey",
    "Job",
    "JobBatch",
    "LedgerEntry",
    "LoginLink",
    "OutboxEvent",
    "Person",
    "Token",
]
