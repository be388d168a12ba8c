"""The rows that people think about, as typed models. Documents have none: they are handled in bulk."""

from shared.db.models.accounts import (
    KnownLogin,
    LoginFailures,
    OAuthClient,
    OAuthClientCommunity,
    OAuthToken,
    User,
    UserCommunity,
)
from shared.db.models.base import Base
from shared.db.models.imports import Block, Import, ImportEvent, RejectedLine, Removal, StorageGarbage, Upload
from shared.db.models.jobs import BatchJob, Export, ExportFile, Notification
from shared.db.models.maintenance import Maintenance
from shared.db.models.services import Collection, DataService, ImportCount, ServiceUsage, SigningSecret
from shared.db.models.volumes import StorageVolume

__all__ = [
    "Base",
    "BatchJob",
    "Block",
    "Collection",
    "DataService",
    "Export",
    "ExportFile",
    "Import",
    "ImportCount",
    "ImportEvent",
    "KnownLogin",
    "LoginFailures",
    "Maintenance",
    "Notification",
    "OAuthClient",
    "OAuthClientCommunity",
    "OAuthToken",
    "RejectedLine",
    "Removal",
    "ServiceUsage",
    "SigningSecret",
    "StorageGarbage",
    "StorageVolume",
    "Upload",
    "User",
    "UserCommunity",
]
