"""What pages show: the queries of all apps, put together."""
