from django.urls import path

from deployments.api import definition, deployments, enrolment, renaming

urlpatterns = [
    path("definition/revisions/", definition.RevisionList.as_view()),
    path("definition/revisions/<str:sha>/", definition.RevisionDetail.as_view()),
    path("definition/compare/", definition.Compare.as_view()),
    path("definition/hosts/<str:host>/", definition.HostDefinition.as_view()),
    path("deployments/", deployments.DeploymentList.as_view()),
    path("deployments/<str:deployment>/", deployments.DeploymentDetail.as_view()),
    path("hosts/<str:host>/enrol/", enrolment.HostEnrol.as_view()),
    path("hosts/<str:host>/reimage/", enrolment.HostReimage.as_view()),
    path("hosts/<str:host>/rename/", renaming.HostRename.as_view()),
    path("credentials/<str:credential>/test/", enrolment.CredentialTest.as_view()),
]
