from django.urls import path

from changemgmt.api import changes

urlpatterns = [
    path("changes/", changes.ChangeList.as_view()),
    path("changes/<str:change>/", changes.ChangeDetail.as_view()),
    path("changes/<str:change>/claim/", changes.ChangeClaim.as_view()),
    path("changes/<str:change>/approvals/", changes.ChangeApprovals.as_view()),
    path("changes/<str:change>/withdraw/", changes.ChangeWithdraw.as_view()),
]
