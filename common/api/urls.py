from django.urls import path

from common.api import jobs

urlpatterns = [
    path("jobs/", jobs.JobList.as_view()),
    path("jobs/<str:job>/", jobs.JobDetail.as_view()),
    path("jobs/<str:job>/cancel/", jobs.JobCancel.as_view()),
]
