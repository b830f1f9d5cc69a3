from django.urls import path

from drift.api import adoption, decisions, findings, reports, scans

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
    path("definition/adopt/", adoption.AdoptionList.as_view()),
    path("definition/adopt/<str:adoption>/", adoption.AdoptionDetail.as_view()),
    path("definition/adopt/<str:adoption>/hosts/", adoption.AdoptionHosts.as_view()),
    path("definition/adopt/<str:adoption>/files/", adoption.AdoptionFiles.as_view()),
    path("definition/adopt/<str:adoption>/left-out/", adoption.AdoptionLeftOut.as_view()),
    path("definition/adopt/<str:adoption>/plan/", adoption.AdoptionPlanAgain.as_view()),
    path("definition/adopt/<str:adoption>/commit/", adoption.AdoptionCommit.as_view()),
    path("definition/adopt/<str:adoption>/merge/", adoption.AdoptionMerge.as_view()),
    path("definition/adopt/<str:adoption>/discard/", adoption.AdoptionDiscard.as_view()),
    path("reports/scans/<str:scan>/", reports.ScanReport.as_view()),
]
