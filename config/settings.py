"""All settings, driven by the environment. In production an unset secret refuses to start and is named.

`FOLDBACK_ENV` is `production` unless it says `development` or `test`.
"""

import base64
import gc
import sys
from pathlib import Path
from typing import Any

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from config.events import EVENT_CONSUMERS as EVENT_CONSUMERS
from config.events import JOB_HANDLERS as JOB_HANDLERS
from config.events import NOTICE_WRITERS as NOTICE_WRITERS

# While code is loaded nothing becomes garbage, and to look for it was a fifth of a process's start. Until common.apps.
gc.disable()

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
# `or`: what make exports without a value is empty, not unset.
DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / "var").resolve()

FOLDBACK_ENV = env.str("FOLDBACK_ENV", default="production")
if FOLDBACK_ENV not in {"production", "development", "test"}:
    raise ImproperlyConfigured(
        f"FOLDBACK_ENV is {FOLDBACK_ENV!r}; say production, development or test, or leave it unset."
    )
PRODUCTION = FOLDBACK_ENV == "production"
DEBUG = env.bool("FOLDBACK_DEBUG", default=False) and not PRODUCTION


def _required(name: str, purpose: str, development: str) -> str:
    value = env.str(name, default="")
    if value:
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(
            f"{name} is not set: {purpose}. Set it in the environment, or set FOLDBACK_ENV=development "
            "for a trial that holds nothing real."
        )
    return development


def _key(name: str, purpose: str) -> bytes:
    """32 bytes from base64; empty when unset (only the processes that need a key are given it)."""
    text = env.str(name, default="")
    if not text:
        return b""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not base64: {purpose} needs 32 bytes in base64.") from error
    if len(value) != 32:
        raise ImproperlyConfigured(f"{name} holds {len(value)} bytes: {purpose} needs exactly 32, in base64.")
    return value


SECRET_KEY = _required("FOLDBACK_SECRET_KEY", "it signs sessions and cursors", "development-only-" + "x" * 40)
SEAL_PUBLIC_KEY = _key("FOLDBACK_SEAL_PUBLIC", "sealing credentials")
SEAL_PRIVATE_KEY = _key("FOLDBACK_SEAL_PRIVATE", "opening credentials (workers only)")
HMAC_KEY = _key("FOLDBACK_HMAC_KEY", "comparing secret files")

ALLOWED_HOSTS = [
    name.strip()
    for name in _required(
        "FOLDBACK_ALLOWED_HOSTS", "it lists the names the service is reached by", "localhost,127.0.0.1,[::1]"
    ).split(",")
]
CSRF_TRUSTED_ORIGINS = env.list("FOLDBACK_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("FOLDBACK_URL", default="http://localhost:8000").rstrip("/")

# The serving role of the database; migrations run under the owner's URL (`manage.py` is then started with
# DATABASE_URL set to it), and a hook after migrating grants this role what it needs and nothing more.
DATABASES: dict[str, Any] = {
    "default": env.db_url_config(
        _required("DATABASE_URL", "all state is kept in PostgreSQL", "postgres://localhost/foldback")
    )
}
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
DATABASE_SERVING_ROLE = env.str("DATABASE_SERVING_ROLE", default="")
REDIS_URL = _required("REDIS_URL", "workers are told about work through it", "redis://localhost/0")

DEFINITION_PATH = Path(env.str("DEFINITION_PATH", default="") or DATA_DIR / "definition.git")
DEFINITION_URL = env.str("DEFINITION_URL", default="")
# How workers sign in to DEFINITION_URL: a token for https, or the path of a private key (with its .pub) for ssh.
DEFINITION_TOKEN = env.str("DEFINITION_TOKEN", default="")
DEFINITION_SSH_KEY = env.str("DEFINITION_SSH_KEY", default="")
FOUR_EYES = env.str("FOUR_EYES", default="on").lower() not in {"off", "0", "false", "no"}
# What was done first has to be approved by somebody else within so many hours.
REVIEW_HOURS = env.int("FOLDBACK_REVIEW_HOURS", default=48)

# Who made by hand what a change decides on, beyond what is written on it: `makers(change)` → ids of people.
CHANGE_MAKERS = ["drift.queries.makers.makers_of_decision", "drift.queries.makers.makers_of_adoption"]
# What resources were before and after a change, as scans saw them (changemgmt.queries.live_states); "" for nothing.
LIVE_STATE_PROVIDER = "drift.queries.change_states.live_states"
# What has to allow that a change is carried out: `gate(change, now)` → changemgmt.core.gates.GateAnswer.
GATES = [
    "changemgmt.queries.gates.approved_change",
    "changemgmt.queries.gates.planned_time",
    "changemgmt.queries.windows.freeze_gate",
]

# `smtp+tls://user:password@host:587`; without it no e-mail is sent. Only workers need it.
EMAIL_HOST = ""
if _mail := env.str("EMAIL_URL", default=""):
    if not _mail.startswith(("smtp://", "smtp+tls://", "smtp+ssl://")):
        raise ImproperlyConfigured(
            "EMAIL_URL is smtp+tls://user:password@host:587, smtp+ssl://… or smtp://…."
        )
    vars().update(env.email_url_config(_mail))
DEFAULT_FROM_EMAIL = env.str("FOLDBACK_MAIL_FROM", default="Foldback <foldback@localhost>")

# Hosts that messages may be sent to although they are private, local or plain http: `chat.example.org`, `localhost:8065`.
OUTBOUND_ALLOWED = env.list("FOLDBACK_OUTBOUND_ALLOWED", default=[])

# Folders that hosts with the transport `local` may have as their root; none unless named here.
LOCAL_ROOTS = env.list("FOLDBACK_LOCAL_ROOTS", default=[])
SCAN_CONCURRENCY = env.int("FOLDBACK_SCAN_CONCURRENCY", default=50)
SCAN_BATCH_HOSTS = env.int("FOLDBACK_SCAN_BATCH_HOSTS", default=200)
# What hosts looked like, and the rows of scans' hosts, are kept for so many days (docs/operations.md, "Retention").
HISTORY_DAYS = env.int("FOLDBACK_HISTORY_DAYS", default=400)
LOOKS_DAYS = env.int("FOLDBACK_LOOKS_DAYS", default=90)
SCAN_CONNECT_SECONDS = env.int("FOLDBACK_SCAN_CONNECT_SECONDS", default=15)
SCAN_HOST_SECONDS = env.int("FOLDBACK_SCAN_HOST_SECONDS", default=60)
# How long the scheduled quick scans stay; findings, and what hosts looked like, stay beyond them.
QUICK_SCANS_DAYS = env.int("FOLDBACK_QUICK_SCANS_DAYS", default=3)
# So long nobody is told of drift that nobody explained: whoever fixes something by hand logs it a little later.
CLAIM_MINUTES = env.int("FOLDBACK_CLAIM_MINUTES", default=15)
LEASE_SECONDS = env.int("FOLDBACK_LEASE_SECONDS", default=30)
RELAY_POLL_SECONDS = env.int("FOLDBACK_RELAY_POLL_SECONDS", default=5)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "common",
    "inventory",
    "changemgmt",
    "deployments",
    "drift",
    "web",
    "demo",
]

MIDDLEWARE = [
    "common.api.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.api.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.console",
            ],
        },
    }
]

AUTH_USER_MODEL = "common.Person"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "web:sign-in"
LOGIN_REDIRECT_URL = "web:home"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind https everything is marked secure; `make up` on plain loopback says so by its FOLDBACK_URL.
_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = not PRODUCTION
# Every test client makes the middlewares anew; without this, one of them reads all static files each time.
WHITENOISE_AUTOREFRESH = FOLDBACK_ENV == "test"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "common.api.auth.TokenAuthentication",
        "common.api.auth.ConsoleSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["common.api.auth.HasDeclaredPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "common.api.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.FoldbackSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.auth.JsonAlways",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Foldback",
    "DESCRIPTION": "Change management and drift reconciliation.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Fields of the same name (kind, state …) in different objects: what their choices are called.
    "ENUM_NAME_OVERRIDES": {
        "ChangeKind": "changemgmt.core.words.KINDS",
        "RecordKind": "changemgmt.core.words.RECORD_KINDS",
        "ApprovalVerdict": "changemgmt.core.words.VERDICTS",
        "ApproverRole": "changemgmt.queries.approvals.APPROVER_ROLES",
        "GateVerdict": "changemgmt.core.gates.VERDICTS",
        "Risk": "changemgmt.core.words.RISKS",
        "ChannelKind": "changemgmt.models.notice.CHANNEL_KINDS",
        "PersonRole": "common.core.roles.PERSON_ROLES",
        "ChangeState": "changemgmt.core.lifecycles.CHANGE_STATES",
        "NoticeState": "changemgmt.models.notice.NOTICE_STATES",
        "WindowKind": "changemgmt.core.words.WINDOW_KINDS",
        "CredentialKind": "inventory.models.credential.KINDS",
        "DecisionKind": ["fold-back", "waive"],
    },
}

# What /metrics tells: `metrics(now)` → metric families of prometheus_client.
METRIC_SOURCES = [
    "common.queries.metrics.metrics",
    "drift.queries.metrics.metrics",
    "drift.queries.schedule_metrics.metrics",
    "changemgmt.queries.notice_metrics.metrics",
]

WORK_PUBLISHER = "config.celery.publish"
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A process that has grown by what a batch of full looks takes makes way for a new one, between two batches.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = env.int("FOLDBACK_WORKER_PROCESS_MB", default=160) * 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Workers take from both queues in turn. A turn of batches is one, which may take minutes; one of everything else, events
# above all, is up to two seconds of it. Were either taken first, the other could wait for ever.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in ("celery", "batches")]
CELERY_TASK_ROUTES = {"common.run_batch": {"queue": "batches"}}
# A frozen Redis must not hold a publisher for minutes: see docs/architecture.md, "Work".
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 1,
}
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    # While nobody takes them, ten minutes' worth pile up and no more; clocks of machines may be apart by as much.
    "start-due-scans": {
        "task": "drift.tasks.start_due_scans_task",
        "schedule": 5.0,
        "options": {"expires": 600},
    },
    "forget-old-looks": {"task": "drift.tasks.forget_old_looks_task", "schedule": 3600.0},
    # A slot is ten minutes; asked for each minute, so that none is missed for a moment's sake.
    "take-coverage-sample": {
        "task": "drift.tasks.take_coverage_sample_task",
        "schedule": 60.0,
        "options": {"expires": 600},
    },
    "purge": {"task": "drift.tasks.purge_task", "schedule": 6 * 3600.0, "options": {"expires": 3600}},
    "alert-unexplained": {
        "task": "drift.tasks.alert_unexplained_task",
        "schedule": 60.0,
        "options": {"expires": 600},
    },
    "send-notices": {
        "task": "changemgmt.tasks.send_notices_task",
        "schedule": 5.0,
        "options": {"expires": 60},
    },
    "forget-old-notices": {"task": "changemgmt.tasks.forget_old_notices_task", "schedule": 3600.0},
    "remind-of-due-changes": {
        "task": "changemgmt.tasks.remind_of_due_changes_task",
        "schedule": 60.0,
        "options": {"expires": 600},
    },
    "reopen-expired-waivers": {"task": "drift.tasks.reopen_expired_waivers_task", "schedule": 60.0},
    "fetch-definition": {"task": "deployments.tasks.fetch_definition_task", "schedule": 60.0},
    "purge-idempotency-keys": {"task": "common.tasks.purge_idempotency_keys_task", "schedule": 3600.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    # Standard output is for what a command was asked for: a token, a report.
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": env.str("FOLDBACK_LOG_LEVEL", default="INFO")},
    "loggers": {
        "asyncssh": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        # They log whole addresses, and that of a webhook is a secret.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
