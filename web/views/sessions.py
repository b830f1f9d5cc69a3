"""Signing in and out."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters

from common.core.errors import FoldbackError
from common.models import Person
from common.services.people import use_login_link
from web.access import PageRequest, page, public
from web.forms.sign_in import SignInForm
from web.services.signing_in import sign_in_with_password


@sensitive_post_parameters("password")
@public("GET", "POST")
def sign_in(request: HttpRequest) -> HttpResponse:
    target = _target(request)
    if request.user.is_authenticated and request.method != "POST":
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            person = sign_in_with_password(request=request, **form.cleaned_data)
        except FoldbackError as error:
            form.take_refusal(error)
            status = error.status
        else:
            return _enter(request, person, target)
    context = {"form": form, "next": target if target != reverse("web:home") else ""}
    return render(request, "sign_in/password.html", context, status=status)


@public("GET", "POST")
def sign_in_by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """A link works once, so only pressing the button uses it: what previews links does not."""
    if request.method != "POST":
        return render(request, "sign_in/link.html")
    person = use_login_link(secret=secret) if "\0" not in secret else None
    if person is None:
        return render(request, "sign_in/link.html", {"is_dead": True}, status=410)
    return _enter(request, person, reverse("web:home"))


def _enter(request: HttpRequest, person: Person, target: str) -> HttpResponse:
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect(target)


def _target(request: HttpRequest) -> str:
    """Where to go afterwards: within our own pages, or home."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if target and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return target
    return reverse("web:home")


@page(POST="read")
def sign_out(request: PageRequest) -> HttpResponse:
    logout(request)
    messages.success(request, "You are signed out.")
    return HttpResponseRedirect(reverse("web:sign-in"))
