"""The ground a process stands on, opened at the first request: after gunicorn's fork, never before it."""

from threading import Lock
from typing import cast

from flask import Flask, current_app

from shared.ground import Ground
from shared.settings import Settings

_KEY = "longshore"


class LazyGround:
    """Opens one ground for all threads of a process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._ground: Ground | None = None

    def get(self) -> Ground:
        """The ground, opened if it is not yet."""
        with self._lock:
            if self._ground is None:
                self._ground = Ground.open(self.settings)
            return self._ground

    def close(self) -> None:
        """Close the ground if it is open; the next `get` opens another one."""
        with self._lock:
            ground, self._ground = self._ground, None
        if ground is not None:
            ground.close()


def install(app: Flask, settings: Settings) -> None:
    """Give the application a ground of its own."""
    app.extensions[_KEY] = LazyGround(settings)


def close(app: Flask) -> None:
    """Close what the application's requests opened."""
    cast(LazyGround, app.extensions[_KEY]).close()


def current_ground() -> Ground:
    """The ground of the application that answers this request."""
    return cast(LazyGround, current_app.extensions[_KEY]).get()


def current_settings() -> Settings:
    """The settings of the application that answers this request."""
    return cast(LazyGround, current_app.extensions[_KEY]).settings
