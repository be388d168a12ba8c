"""How much may be at work at once: neither a data service nor an import need have every worker."""

from dataclasses import dataclass

from shared.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Each counts what workers hold a lease of."""

    import_workers: int  # blocks of one import whose order does not matter
    service_workers: int | None  # blocks and exports of a data service; None: as many as there are workers
    service_long_jobs: int  # of these, exports and large files to be cut

    @classmethod
    def of(cls, settings: Settings) -> "Bounds":
        return cls(
            import_workers=settings.import_workers,
            service_workers=settings.service_workers,
            service_long_jobs=settings.service_long_jobs,
        )
