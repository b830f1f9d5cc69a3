from drift.models.adoption import Adoption, AdoptionHost, AdoptionText
from drift.models.decision import Decision
from drift.models.finding import Explanation, Finding, Occurrence
from drift.models.observation import Blob, Chunk, HostHistory, HostState, Manifest, ResourceVerdict
from drift.models.scan import HostScan, Scan

__all__ = [
    "Adoption",
    "AdoptionHost",
    "AdoptionText",
    "Blob",
    "Chunk",
    "Decision",
    "Explanation",
    "Finding",
    "HostHistory",
    "HostScan",
    "HostState",
    "Manifest",
    "Occurrence",
    "ResourceVerdict",
    "Scan",
]
