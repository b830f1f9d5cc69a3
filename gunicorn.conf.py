"""What gunicorn is told beside its command line; it reads this where it is started."""

# Without what follows the `?` of an address, where a calendar feed's token is, and without the referrer.
access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s "%(a)s"'
