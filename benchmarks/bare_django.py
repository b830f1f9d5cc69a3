"""The least that Django can do with a request: a view that inserts one row, behind no middleware.

What filing a change is measured against, through the same gunicorn and into the same PostgreSQL.
"""

import json
import os

import environ
from django.conf import settings
from django.http import HttpRequest, JsonResponse

TABLE = "bench_bare"

if not settings.configured:  # in a server of its own; the benchmark itself only needs the table's name
    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    settings.configure(
        SECRET_KEY="not a secret: nothing is signed with it",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        INSTALLED_APPS=[],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {**database, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}},
    )
    import django

    django.setup()

    from django.core.wsgi import get_wsgi_application
    from django.db import models
    from django.urls import path
    from django.utils import timezone

    class Row(models.Model):
        title = models.CharField(max_length=200)
        created_at = models.DateTimeField(default=timezone.now)

        class Meta:
            app_label = "bench"
            db_table = TABLE

    def insert(request: HttpRequest) -> JsonResponse:
        row = Row._default_manager.create(title=json.loads(request.body)["title"])
        answer = JsonResponse({"id": row.pk, "title": row.title}, status=201)
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer

    urlpatterns = [path("rows/", insert)]
    application = get_wsgi_application()
