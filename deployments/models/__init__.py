from deployments.models.deployment import Deployment

__all__ = ["Deployment"]
