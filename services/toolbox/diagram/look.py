"""Colours and fonts."""

FONTS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"

PAPER, INK, MUTED, LINE = "#fcfcfa", "#1f2933", "#616e7c", "#9aa5b1"
PROGRAM_FILL, PROGRAM_LINE = "#edf2f7", "#bcc8d4"
OUTSIDE_FILL, OUTSIDE_LINE = "#f5f3ee", "#cfc8ba"
TIER_FILL, TIER_LINE = "#f4f7fa", "#d5dde5"
VIRTUAL_FILL, VIRTUAL_LINE = "#fff8e6", "#d3a63f"
WALL = "#b5533c"
BADGES = {"primary": "#276749", "active": "#276749", "replica": "#616e7c", "standby": "#616e7c"}
NETWORK_COLOURS = ("#2b6cb0", "#a8690f", "#23807a", "#7653a6", "#ad4a66", "#5f6b3a", "#616e7c")
