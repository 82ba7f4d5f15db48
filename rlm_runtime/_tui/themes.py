"""The viewer's own looks, in hues that most colour-blind people can tell apart (Okabe and Ito)."""

from __future__ import annotations

from textual.theme import Theme

DEFAULT_THEME = "rlm-dark"

THEMES = (
    Theme(
        name="rlm-dark",
        primary="#56B4E9",
        secondary="#0072B2",
        accent="#CC79A7",
        warning="#E69F00",
        error="#E8702A",
        success="#1FB58A",
        foreground="#D8DEE4",
        background="#0F1419",
        surface="#151B22",
        panel="#1E2630",
        variables={
            "footer-key-foreground": "#F0E442",
            "input-selection-background": "#0072B2 60%",
            "scrollbar": "#34404E",
            "scrollbar-background": "#151B22",
            "scrollbar-corner-color": "#151B22",
        },
    ),
    Theme(
        name="rlm-light",
        # Darker than the hues they are: those are made for areas, not for letters on white
        primary="#00639B",
        secondary="#0072B2",
        accent="#96437A",
        warning="#855A00",
        error="#B04A00",
        success="#00714F",
        foreground="#1C2228",
        background="#FBFBF9",
        surface="#F4F4F1",
        panel="#E6E7E3",
        dark=False,
        variables={
            "footer-key-foreground": "#00639B",
            "input-selection-background": "#56B4E9 50%",
            "scrollbar": "#B9BCB5",
            "scrollbar-background": "#F4F4F1",
            "scrollbar-corner-color": "#F4F4F1",
        },
    ),
    Theme(
        name="rlm-contrast",
        primary="#7CCBFF",
        secondary="#56B4E9",
        accent="#FF9FD6",
        warning="#F0E442",
        error="#FF8A3D",
        success="#3FE0B0",
        foreground="#FFFFFF",
        background="#000000",
        surface="#000000",
        panel="#303030",
        text_alpha=1.0,
        variables={
            "text-muted": "#E0E0E0",
            "text-disabled": "#C0C0C0",
            "footer-key-foreground": "#F0E442",
        },
    ),
)
