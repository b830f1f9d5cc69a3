# One image for every program of the service; docker-compose.yml says which one a container runs.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 DATA_DIR=/var/lib/foldback

RUN groupadd --system --gid 10001 foldback \
    && useradd --system --uid 10001 --gid foldback --home-dir /var/lib/foldback --shell /usr/sbin/nologin foldback \
    && install --directory --owner foldback --group foldback --mode 0700 /var/lib/foldback

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt

COPY . .
RUN python -m compileall -q .

USER foldback
VOLUME /var/lib/foldback
EXPOSE 8000
CMD ["gunicorn", "--bind=0.0.0.0:8000", "--workers=4", "--threads=4", "--keep-alive=30", "--access-logfile=-", "--no-control-socket", "--worker-tmp-dir=/tmp", "config.wsgi:application"]
