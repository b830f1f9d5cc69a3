from django.urls import path

from drift.api import decisions, findings, reports, scans

urlpatterns = [
    path("scans/", scans.ScanList.as_view()),
    path("scans/<str:scan>/", scans.ScanDetail.as_view()),
    path("scans/<str:scan>/hosts/", scans.ScanHosts.as_view()),
    path("findings/", findings.FindingList.as_view()),
    path("findings/<str:finding>/", findings.FindingDetail.as_view()),
    path("findings/<str:finding>/occurrences/", findings.FindingOccurrences.as_view()),
    path("findings/<str:finding>/diff/", findings.FindingDiff.as_view()),
    path("findings/<str:finding>/claim/", findings.FindingClaim.as_view()),
    path("findings/<str:finding>/placements/", decisions.FindingPlacements.as_view()),
    path("decisions/", decisions.DecisionList.as_view()),
    path("decisions/<str:decision>/", decisions.DecisionDetail.as_view()),
    path("decisions/<str:decision>/refresh/", decisions.DecisionRefresh.as_view()),
    path("decisions/<str:decision>/withdraw/", decisions.DecisionWithdraw.as_view()),
    path("decisions/<str:decision>/end/", decisions.DecisionEnd.as_view()),
    path("reports/scans/<str:scan>/", reports.ScanReport.as_view()),
]
