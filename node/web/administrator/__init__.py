"""Pages of the administrator: how the node and its peers are, connecting, reviews, configuration (ui 4.h)."""
