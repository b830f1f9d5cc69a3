from drift.models.adoption import Adoption, AdoptionHost, AdoptionText
from drift.models.coverage import CoverageSample
from drift.models.decision import Decision
from drift.models.finding import Explanation, Finding, Occurrence
from drift.models.incident import DraftedChange, IncidentScan
from drift.models.memory import HostMemory
from drift.models.observation import (
    Blob,
    Chunk,
    ChunkGroup,
    HostHistory,
    HostState,
    Manifest,
    ResourceVerdict,
)
from drift.models.scan import HostScan, Scan, ScanHost, ScanSeen
from drift.models.schedule import ScanPolicy, ScanSlot

__all__ = [
    "Adoption",
    "AdoptionHost",
    "AdoptionText",
    "Blob",
    "Chunk",
    "ChunkGroup",
    "CoverageSample",
    "Decision",
    "DraftedChange",
    "Explanation",
    "Finding",
    "HostHistory",
    "HostMemory",
    "HostScan",
    "HostState",
    "IncidentScan",
    "Manifest",
    "Occurrence",
    "ResourceVerdict",
    "Scan",
    "ScanHost",
    "ScanPolicy",
    "ScanSeen",
    "ScanSlot",
]
