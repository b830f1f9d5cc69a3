from changemgmt.models.approval import Approval
from changemgmt.models.change import Change
from changemgmt.models.incident import Incident, TimelineEntry
from changemgmt.models.notice import Channel, Notice
from changemgmt.models.policy import ApprovalPolicy, ChangeTemplate
from changemgmt.models.talk import Attachment, Comment
from changemgmt.models.window import FeedToken, Window

__all__ = [
    "Approval",
    "ApprovalPolicy",
    "Attachment",
    "Change",
    "ChangeTemplate",
    "Channel",
    "Comment",
    "FeedToken",
    "Incident",
    "Notice",
    "TimelineEntry",
    "Window",
]
