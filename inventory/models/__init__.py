from inventory.models.credential import Credential
from inventory.models.host import Host, HostImport, HostKey
from inventory.models.team import Team

__all__ = ["Credential", "Host", "HostImport", "HostKey", "Team"]
