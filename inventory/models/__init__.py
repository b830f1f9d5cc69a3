from inventory.models.credential import Credential
from inventory.models.host import FormerName, Host, HostImport, HostKey
from inventory.models.host_ca import HostCa
from inventory.models.site import Site
from inventory.models.team import Team

__all__ = ["Credential", "FormerName", "Host", "HostCa", "HostImport", "HostKey", "Site", "Team"]
