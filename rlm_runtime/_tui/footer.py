"""The line with the most important keys."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer


class KeyLine(Footer):
    """Made anew only when it tells something else: that lays out and draws the whole screen."""

    _told: tuple[object, ...] = ()

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Tell other keys, if they are others."""
        if not (self.app.app_focus and self.is_attached and screen is self.screen):
            return
        told = tuple(
            (binding.action, self.app.get_key_display(binding), binding.description, enabled)
            for _, binding, enabled, _ in screen.active_bindings.values()
            if binding.show
        )
        if told != self._told:
            self._told = told
            super().bindings_changed(screen)
