from changemgmt.models.approval import Approval
from changemgmt.models.change import Change

__all__ = ["Approval", "Change"]
