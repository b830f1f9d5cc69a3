import gc

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        gc.freeze()  # what is loaded by now stays: never looked through again, and shared with processes that fork off
        gc.enable()
        from common.models.grants import grant_serving_role

        post_migrate.connect(grant_serving_role, dispatch_uid="grant-serving-role")
