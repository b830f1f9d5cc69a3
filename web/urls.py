from django.conf import settings
from django.urls import URLPattern, path

from web.views import preferences

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("preferences/theme/", preferences.choose_theme, name="theme"),
]

if settings.DEBUG:
    from web.views import gallery

    urlpatterns.append(path("style/", gallery.gallery, name="gallery"))
