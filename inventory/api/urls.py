from django.urls import path

from inventory.api import credentials, host_cas, hosts, imports, people, sites, teams

urlpatterns = [
    path("hosts/", hosts.HostList.as_view()),
    path("hosts/import/", imports.HostImportView.as_view()),
    path("hosts/<str:host>/", hosts.HostDetail.as_view()),
    path("hosts/<str:host>/decommission/", hosts.HostDecommission.as_view()),
    path("hosts/<str:host>/recommission/", hosts.HostRecommission.as_view()),
    path("host-cas/", host_cas.HostCaList.as_view()),
    path("host-cas/<str:ca>/", host_cas.HostCaDetail.as_view()),
    path("host-cas/<str:ca>/revoke/", host_cas.HostCaRevoke.as_view()),
    path("teams/", teams.TeamList.as_view()),
    path("teams/<str:team>/", teams.TeamDetail.as_view()),
    path("sites/", sites.SiteList.as_view()),
    path("sites/<str:site>/", sites.SiteDetail.as_view()),
    path("people/", people.PersonList.as_view()),
    path("people/<str:person>/", people.PersonDetail.as_view()),
    path("people/<str:person>/deactivate/", people.PersonDeactivate.as_view()),
    path("people/<str:person>/reactivate/", people.PersonReactivate.as_view()),
    path("credentials/", credentials.CredentialList.as_view()),
    path("credentials/<str:credential>/", credentials.CredentialDetail.as_view()),
    path("credentials/<str:credential>/rotate/", credentials.CredentialRotate.as_view()),
]
